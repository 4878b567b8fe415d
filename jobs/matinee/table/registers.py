"""Registers: the tables `ops.*`, appended to a few rows at a time; many files are gathered, old snapshots expire."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from matinee.errors import CommitConflictError, ConservationError, MatineeError
from matinee.table import refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.commits import commit_errors, transaction
from matinee.table.removal import remove_snapshots

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)
#: A register of fewer files than this is quick to read.
MANY = 50
#: How long a snapshot of a register is kept for those who read it; so many that nobody reads are worth a commit.
GRACE, WORTH_IT = timedelta(hours=1), 25


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
    with commit_errors(table), transaction(table) as change:
        change.append(pa.Table.from_pylist(listed, schema=table.schema().as_arrow()))
    _expire(lake, table)


def unread(table: "Table", now: datetime) -> tuple[int, ...]:
    """Return the snapshots of a register that nobody reads any more: no reference names them, and `main` left them long
    ago, or never was there.

    What a register says stands in its rows: its earlier snapshots are of use to who reads one, and to nobody else.
    """
    named = {ref.snapshot_id for ref in table.metadata.refs.values()}
    until, end = refs.last_read_ms(table), (now - GRACE).timestamp() * 1000
    return tuple(
        snapshot.snapshot_id
        for snapshot in table.metadata.snapshots
        if snapshot.snapshot_id not in named and until.get(snapshot.snapshot_id, snapshot.timestamp_ms) < end
    )


def _expire(lake: Lake, table: "Table") -> None:
    """Remove what nobody reads, once it is worth a commit: what was appended stands, whatever becomes of that."""
    found = unread(table, stamp())
    if len(found) < WORTH_IT:
        return
    try:
        remove_snapshots(lake, ".".join(table.name()), found)
    except MatineeError as error:
        log.warning("%d snapshots of %s expire later: %s", len(found), ".".join(table.name()), error)


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
    with commit_errors(table), transaction(table) as change:
        change.overwrite(rows)


def _total(table: "Table", name: str) -> int:
    return int(summary_of(table, refs.head(table))[name])
