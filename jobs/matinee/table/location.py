"""Where a table lies: only tables below the configured warehouse are written to, or have files removed.

The catalog of a copied lake still names the tables of the original: work on the copy would change the original.
"""

import logging
import os
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from matinee.errors import ConservationError, ForeignTableError

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)
_S3 = ("s3", "s3a", "s3n")


def is_below(location: str, folder: str, *, links: bool = True) -> bool:
    """Whether a location is a folder or lies below it, however either is written (`file:/`, `s3a://`, a link)."""
    inner, outer = _normalized(location, links=links), _normalized(folder, links=links)
    return inner == outer or inner.startswith(f"{outer}/")


def relative(path: str, folder: str) -> str:
    """Return the path of a file below a folder, however either is written; links are not followed.

    Raises:
        ConservationError: the file does not lie below the folder.
    """
    inner, outer = _normalized(path, links=False), _normalized(folder, links=False)
    if not inner.startswith(f"{outer}/"):
        raise ConservationError(
            f"{path} does not lie below {folder}, where its table does.",
            next_step="Rewrite its data files in the original (`CALL system.rewrite_data_files`), then try again.",
            facts={"file": path, "location": folder},
        )
    return inner.removeprefix(f"{outer}/")


def _normalized(location: str, *, links: bool = True) -> str:
    parts = urlsplit(location)
    if parts.scheme in _S3:
        return f"s3://{parts.netloc}{parts.path}".rstrip("/")
    if parts.scheme not in ("", "file"):
        return location.rstrip("/")
    # Use the text itself, not its parts: a folder may have `#` or `?` in its name.
    path = location.removeprefix("file:")
    path = f"/{path.lstrip('/')}" if parts.scheme else path
    return os.path.realpath(path) if links else os.path.normpath(path)


def is_own(table: "Table") -> bool:
    """Whether a table lies below the warehouse of the catalog that it was loaded from."""
    return _is_own(table.location(), table.catalog.properties["warehouse"])


@lru_cache(maxsize=256)
def _is_own(location: str, warehouse: str) -> bool:
    return is_below(location, warehouse)


def refuse_foreign(table: "Table") -> None:
    """Refuse to change a table of another lake; all code that commits or removes files calls this.

    Raises:
        ForeignTableError: the table does not lie below the warehouse.
    """
    if is_own(table):
        return
    name, warehouse = ".".join(table.name()), table.catalog.properties["warehouse"]
    raise ForeignTableError(
        f"{name} lies at {table.location()}, not below the warehouse {warehouse}: this lake was copied or moved.",
        next_step="`matinee lake relocate` brings the tables here; until then nothing in them is changed.",
        facts={"table": name, "location": table.location(), "warehouse": warehouse},
    )


def warn_of_foreign(table: "Table") -> None:
    """Warn once that a table is read whose rows are another lake's."""
    if not is_own(table):
        _warn(".".join(table.name()), table.location())


@lru_cache(maxsize=256)
def _warn(name: str, location: str) -> None:
    log.warning("%s is read at %s, not below this lake's warehouse: see `matinee lake relocate`.", name, location)
