"""The format of the lake: a number in `ops.lake` that defines the meaning of the lake's tables and commits.

A version of the package raises the number when older versions would misread its tables or commits. Code reads lakes of
its own format and of older formats, changes only lakes of its own format, and refuses lakes of newer formats.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from matinee import __version__, faults
from matinee.errors import CatalogLostError, CommitConflictError, LakeFormatError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from matinee.table.catalog import Lake

log = logging.getLogger(__name__)
LAKE = "ops.lake"
#: 1: before `ops.lake`; leases are branches `lease_…` of tables. 2: leases are stored beside the catalog. 3: runs
#: record the terms of their contract, and pins a number of buckets, which may differ between days of a dataset.
FIRST, CURRENT = 1, 3
#: The table property of `ops.lake` that holds the number.
PROPERTY = "matinee.format"
#: The property of an open catalog that holds the number of an older format.
_OLDER = "matinee.older-format"
#: Lakes that this process has seen in the current format; a number never falls.
_seen = set[tuple[str, ...]]()


def look(lake: "Lake") -> None:
    """Check the format of a lake that is opened; of a lake of the current format only that `ops.lake` is still known.

    A process that lives for long must not take a lake whose catalog was lost for an empty lake.

    Raises:
        LakeFormatError: the format is newer than this code.
        CatalogLostError: the catalog does not know the tables of the warehouse.
    """
    properties = lake.catalog.properties
    key = (lake.catalog.name, properties.get("uri", ""), properties["warehouse"])
    if key in _seen and lake.exists(LAKE):
        return
    lake_format = number(lake)
    if lake_format == CURRENT:
        _seen.add(key)
    elif lake_format is not None and lake_format > CURRENT:
        raise _newer(lake, lake_format)
    elif lake_format is not None:
        properties[_OLDER] = str(lake_format)
        _warn(key, lake_format)


def refuse_older(catalog: "Catalog") -> None:
    """Refuse to change a lake that was opened in an older format; all code that commits or removes files calls this.

    Raises:
        LakeFormatError: the lake has an older format; the next step is the upgrade.
    """
    older = catalog.properties.get(_OLDER)
    if older is not None:
        raise LakeFormatError(
            f"This lake has format {older}, this version writes {CURRENT}: nothing was changed.",
            next_step="Stop what an older version has started, then `matinee lake upgrade` (first with --dry-run).",
            facts={"format": int(older), "current": CURRENT},
        )


@contextmanager
def upgrading(catalog: "Catalog") -> Iterator[None]:
    """Let a block change a lake of an older format; the block itself records the current format."""
    older = catalog.properties.pop(_OLDER, None)
    try:
        yield
    except BaseException:
        catalog.properties |= {_OLDER: older} if older is not None else {}
        raise


def number(lake: "Lake") -> int | None:
    """Return the format of the lake as it is now; None where the lake has no table yet.

    Raises:
        CatalogLostError: the catalog does not know the tables of the warehouse.
    """
    table = _table(lake)
    if table is not None and PROPERTY in table.properties:
        return int(table.properties[PROPERTY])
    if table is None:
        _refuse_lost(lake)
    others = lake.registry.names - {LAKE}
    return FIRST if any(name in others for name in known_tables(lake)) else None


def begin(lake: "Lake") -> None:
    """Give a lake without a table the current format; called before any table is made.

    Raises:
        LakeFormatError: a newer version has upgraded the lake since it was opened.
        CatalogLostError: the catalog does not know the tables of the warehouse.
    """
    lake_format = number(lake)
    if lake_format is None:
        record(lake, CURRENT)
    elif lake_format > CURRENT:
        raise _newer(lake, lake_format)


def record(lake: "Lake", reached: int) -> None:
    """Record a format, its number and its row, in one commit; a format that is recorded already is not committed again.

    Raises:
        CommitConflictError: others committed first.
    """
    import pyarrow as pa

    from matinee.table.commits import commit_errors, transaction
    from matinee.table.registers import stamp

    table = lake.ensure(LAKE)
    faults.reach("lake.after_table")
    if table.properties.get(PROPERTY) == str(reached):
        return
    row = {"format": reached, "code_version": __version__, "recorded_ts": stamp()}
    with suppress(CommitConflictError), commit_errors(table), transaction(table) as change:
        change.set_properties({PROPERTY: str(reached)})
        change.append(pa.Table.from_pylist([row], schema=table.schema().as_arrow()))
    if lake.table(LAKE).properties.get(PROPERTY) != str(reached):
        raise CommitConflictError(
            "Others committed to ops.lake first.", next_step="Run again.", facts={"format": reached}
        )


def known_tables(lake: "Lake") -> list[str]:
    """Return the tables that the catalog knows in the namespaces of the contracts."""
    from pyiceberg.exceptions import NoSuchNamespaceError

    tables: list[str] = []
    for namespace in sorted({name.partition(".")[0] for name in lake.registry.names}):
        with suppress(NoSuchNamespaceError):
            tables += (".".join(name) for name in lake.catalog.list_tables(namespace))
    return sorted(tables)


def _table(lake: "Lake") -> "Table | None":
    from pyiceberg.exceptions import NoSuchTableError

    try:
        return lake.catalog.load_table(LAKE)
    except NoSuchTableError:
        return None


def _refuse_lost(lake: "Lake") -> None:
    from matinee.table.metadata.metadata_files import newest

    if any(PROPERTY in file.metadata.properties for file in newest(lake.catalog, lake.location(LAKE))):
        raise CatalogLostError(
            f"The catalog does not know {LAKE}, and {lake.settings.warehouse_uri} has one: the catalog was lost, or "
            "is restored only in part.",
            next_step="Stop all writers, then `matinee lake restore DIR` with the newest backup; or correct the "
            "MATINEE_CATALOG_* settings if they name another catalog.",
            facts={"warehouse": lake.settings.warehouse_uri},
        )


@lru_cache(maxsize=256)
def _warn(_: tuple[str, ...], lake_format: int) -> None:
    log.warning(
        "This lake has format %d and is only read: `matinee lake upgrade` brings it to %d.", lake_format, CURRENT
    )


def _newer(lake: "Lake", lake_format: int) -> LakeFormatError:
    rows = lake.catalog.load_table(LAKE).scan(selected_fields=("format", "code_version")).to_arrow().to_pylist()
    versions = [row["code_version"] for row in rows if row["format"] == lake_format]
    least = versions[0] if versions else "that brought it there"
    return LakeFormatError(
        f"This lake has format {lake_format}; version {__version__} knows formats up to {CURRENT}.",
        next_step=f"Install at least version {least} of matinee.",
        facts={"format": lake_format, "current": CURRENT, "version": __version__},
    )
