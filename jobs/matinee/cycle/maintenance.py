"""Upkeep of the lake: recovery, compaction with proof, expiry, orphan files. Each can be run again at any time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from matinee.contracts.model import Contract
from matinee.engine.session import spark_session
from matinee.errors import CommitConflictError, ConservationError
from matinee.io.procedures import remove_orphan_files, rewrite_day, row_hash
from matinee.io.tables import read, read_branch
from matinee.lake import refs
from matinee.lake.catalog import Lake
from matinee.lake.changes import COMPACTIONS
from matinee.lake.files import DaySize, day_sizes
from matinee.lake.landings import register_missing
from matinee.lake.ledger import history, stamp
from matinee.lake.publication import Run
from matinee.lake.recovery import recover
from matinee.lake.retention import expire, plan_expiry
from matinee.report import Report
from matinee.settings import Settings

SMALL_FILE_BYTES = 32 * 1024 * 1024
FILES_WORTH_IT = 8
TRIES = 3
ORPHAN_AGE = timedelta(days=3)


@dataclass(frozen=True)
class Compaction:
    """One day of a dataset that was rearranged: files before and after, the rows and their hash, equal in both."""

    dataset: str
    day: date
    rows: int
    row_hash: str
    files_before: int
    files_after: int
    snapshot_id: int


def datasets(settings: Settings) -> tuple[str, ...]:
    """Return the datasets that have a table, in the order of their names."""
    lake = Lake.open(settings)
    return tuple(contract.dataset for contract in lake.registry.all() if lake.exists(contract.dataset))


def recover_all(settings: Settings) -> Report:
    """Bring the ledger and the register of landings up to what the tables say."""
    lake = Lake.open(settings)
    appended = 0
    for contract in lake.registry.all():
        if lake.exists(contract.dataset) and contract.transform:
            appended += len(recover(lake, contract.dataset))
        elif lake.exists(contract.dataset) and contract.namespace == "raw" and contract.day_column:
            appended += len(register_missing(lake, contract.dataset))
    return Report(step="recover", dataset="ops.publications", details={"rows_appended": appended})


def compact(settings: Settings, dataset: str) -> Report:
    """Rewrite the days of a dataset that have many small files; days with an open audit branch are left alone.

    Raises:
        ConservationError: the rows of a day are not the same after the rewrite; `main` did not move.
    """
    lake = Lake.open(settings)
    contract = lake.registry.get(dataset)
    done = []
    for day, size in worth_compacting(lake, contract):
        found = compact_day(lake, contract, day, size)
        if found is not None:
            done.append(found)
    details: dict[str, str | int] = {
        "days": len(done),
        "files_before": sum(one.files_before for one in done),
        "files_after": sum(one.files_after for one in done),
    }
    return Report(step="compact", dataset=dataset, days=tuple(one.day for one in done), details=details)


def worth_compacting(lake: Lake, contract: Contract) -> Iterator[tuple[date, DaySize]]:
    """Yield the days with at least eight files of less than 32 MiB on average, and no open audit branch."""
    if contract.day_column is None or contract.namespace == "ops" or not lake.exists(contract.dataset):
        return
    parts = max(contract.profile_buckets or 1, 1)
    busy = list(_open_runs(lake, contract))
    for day, size in sorted(day_sizes(lake.table(contract.dataset), contract.day_column).items()):
        small = size.files >= max(FILES_WORTH_IT, 2 * parts) and size.bytes / size.files < SMALL_FILE_BYTES
        if small and not any(run.first_day <= day <= run.last_day for run in busy):
            yield day, size


def _open_runs(lake: Lake, contract: Contract) -> Iterator[Run]:
    if contract.transform is not None:
        yield from (record.run for record in history(lake, contract.dataset).open())


def compact_day(lake: Lake, contract: Contract, day: date, size: DaySize) -> Compaction | None:
    """Rearrange one day and move main to it; None where main moved during each of several tries."""
    branch = f"compact_{contract.dataset.replace('.', '_')}_{day:%Y%m%d}"
    for _ in range(TRIES):
        table = lake.table(contract.dataset)
        leftover = refs.reference(table, branch)
        if leftover is not None:
            table = refs.remove(table, branch, expected=leftover)
        main = refs.head(table)
        refs.create_branch(table, branch, main)
        try:
            found = _rewrite_and_prove(lake, contract, day, size, branch, main)
            table = refs.publish_snapshot(lake.table(contract.dataset), found.snapshot_id, expected=main)
            refs.remove(table, branch, expected=found.snapshot_id)
        except CommitConflictError:
            continue  # main moved while this slice was rewritten: the slice is done again on what is there now.
        return found
    return None


def _rewrite_and_prove(lake: Lake, contract: Contract, day: date, size: DaySize, branch: str, main: int) -> Compaction:
    settings, dataset, column = lake.settings, contract.dataset, contract.day_column or ""
    with spark_session(settings) as spark:
        before = row_hash(read(spark, settings, dataset, main, column, day, day))
        rewrite_day(spark, settings, dataset, branch, column, day)
        after = row_hash(read_branch(spark, settings, dataset, branch, column, day, day))
    if before != after:
        raise ConservationError(
            f"Compaction changed {dataset} {day}: {before[0]} rows before, {after[0]} after, or other values.",
            next_step=f"main is untouched; compare it with branch {branch}.",
            facts={"dataset": dataset, "day": day, "before": before, "after": after},
        )
    table = lake.table(dataset)
    snapshot_id = refs.head(table, branch)
    sizes = day_sizes(table, column, snapshot_id=snapshot_id, first=day, last=day)
    files_after = sizes.get(day, DaySize()).files
    found = Compaction(dataset, day, after[0], after[1], size.files, files_after, snapshot_id)
    _record(lake, found)
    return found


def _record(lake: Lake, found: Compaction) -> None:
    # Before main moves: a compaction that readers can see is always one that is known to be proven.
    import pyarrow as pa

    table = lake.ensure(COMPACTIONS)
    row = {**vars(found), "recorded_ts": stamp()}
    table.append(pa.Table.from_pylist([row], schema=table.schema().as_arrow()))


def expire_snapshots(settings: Settings, dataset: str, now: datetime) -> Report:
    """Remove the snapshots and tags that nothing needs at `now`, after bringing the ledger up to date."""
    recover_all(settings)
    lake = Lake.open(settings)
    expiry = plan_expiry(lake, dataset, now)
    expire(lake, expiry)
    details: dict[str, str | int] = {"snapshots": len(expiry.snapshot_ids), "tags": len(expiry.tags)}
    return Report(step="expire", dataset=dataset, details=details)


def remove_orphans(settings: Settings, dataset: str, now: datetime) -> Report:
    """Delete files of a table that no snapshot knows and that are older than three days."""
    with spark_session(settings) as spark:
        removed = remove_orphan_files(spark, settings, dataset, now.astimezone(UTC) - ORPHAN_AGE)
    return Report(step="orphans", dataset=dataset, details={"files": len(removed)})
