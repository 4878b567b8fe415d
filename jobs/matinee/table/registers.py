"""Registers: the tables `ops.*`, appended to a few rows at a time; their many small files are gathered here."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from matinee.errors import CommitConflictError, ConservationError
from matinee.table import refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.commits import commit_errors

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: A register of fewer files than this is quick to read.
MANY = 50


def stamp() -> datetime:
    """Return the time for a record of a register: it says when a thing was noted and no row of data depends on it."""
    return datetime.now(UTC)


def append_rows(lake: Lake, dataset: str, rows: Iterable[Mapping[str, object]], *, onto: "Table | None" = None) -> None:
    """Append rows, as its contract has them, to a register in one commit; for none there is no commit.

    Args:
        lake: the lake.
        dataset: the register.
        rows: what is noted.
        onto: the register as the caller saw it: what was appended since is a conflict; default: as it is now.

    Raises:
        CommitConflictError: others appended first, each of many times; nothing was appended.
        CatalogUnavailableError: the catalog or its storage does not answer.
    """
    import pyarrow as pa

    listed = [dict(row) for row in rows]
    if not listed:
        return
    table = onto or lake.ensure(dataset)
    if onto:  # A retry inside PyIceberg would append to what the caller has not seen.
        table.metadata.properties["commit.retry.num-retries"] = "0"
    with commit_errors(table):
        table.append(pa.Table.from_pylist(listed, schema=table.schema().as_arrow()))


def gather(lake: Lake, dataset: str) -> tuple[int, int]:
    """Rewrite a register's rows into one file a partition, in one commit; return the numbers of files before and after.

    Raises:
        CommitConflictError: others appended first, each of many times; nothing was changed.
        ConservationError: the rows that were read are not those that the table says it has; nothing was changed.
    """
    for _ in range(refs.COMMIT_TRIES):
        table = lake.table(dataset)
        files = _total(table, "total-data-files")
        if files < MANY:
            return files, files
        with suppress(CommitConflictError):
            _rewrite(table)
            return files, _total(lake.table(dataset), "total-data-files")
    raise CommitConflictError(
        f"Others appended to {dataset} first, {refs.COMMIT_TRIES} times.",
        next_step="Nothing: the next night gathers it.",
        facts={"dataset": dataset},
    )


def _rewrite(table: "Table") -> None:
    rows = table.scan().to_arrow()
    if rows.num_rows != _total(table, "total-records"):
        raise ConservationError(
            f"{rows.num_rows} rows were read of {'.'.join(table.name())}, which has {_total(table, 'total-records')}.",
            next_step="Run matinee doctor; nothing was changed.",
            facts={"table": ".".join(table.name())},
        )
    # A retry inside PyIceberg would remove rows that others appended meanwhile.
    table.metadata.properties["commit.retry.num-retries"] = "0"
    with commit_errors(table):
        table.overwrite(rows)


def _total(table: "Table", name: str) -> int:
    return int(summary_of(table, refs.head(table))[name])
