"""Batches: files that are landed together, exactly once: all rows of a batch are in the lake, or none is.

A landing holds the landing lease of its dataset. It writes data files that no snapshot names, notes the batch as
prepared in `ops.landing_batches`, commits the bad rows to the quarantine and the others to the raw table, then appends
its files to `ops.landings`. The next process that takes the lease settles what an interrupted landing left: a batch
that is in the raw table's `main` is registered; a batch whose files are unchanged gets its missing commits, with the
same numbers; a batch whose files are gone or changed is abandoned, and its bad rows are removed from the quarantine.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from matinee import faults, retries
from matinee.errors import CommitConflictError, ConservationError, LandingRefusedError, LeaseHeldError
from matinee.landing import landed_files
from matinee.landing.model import BATCH, QUARANTINE, Batch, Landing
from matinee.sources.files.scan import scan
from matinee.table import commits, refs
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import refuse_retired, retirements
from matinee.table.files import LANDING_SEQ, landing_seq
from matinee.table.leases.holders import hold_patiently
from matinee.table.leases.lease import Lease
from matinee.table.registers import append_rows, read_rows, stamp

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)
BATCHES = "ops.landing_batches"
PREPARED, ABANDONED = "prepared", "abandoned"
LEASE = "landing"
#: A landing takes minutes at most; other processes wait so long for its lease.
PATIENCE = timedelta(minutes=20)


@contextmanager
def landing(lake: Lake, dataset: str) -> Iterator[Lease]:
    """Hold the landing lease of a raw dataset for a block; interrupted landings are settled first.

    Raises:
        LeaseHeldError: another process held the lease all the time.
        CatalogUnavailableError: the catalog does not answer.
        RetiredError: the dataset was retired.
    """
    with hold_patiently(lake, dataset, LEASE, PATIENCE) as lease:
        if not lake.exists(dataset):
            refuse_retired(lake, dataset)
        settle(lake, dataset)
        yield lease


def commit(lake: Lake, batch: Batch) -> list[Landing]:
    """Note a batch as prepared and commit its rows, if nothing was landed since it was numbered.

    Returns:
        Its landings, with the snapshot that holds their rows.

    Raises:
        CommitConflictError: a stream landed meanwhile; the batch is abandoned.
        ConservationError: the data files do not hold the rows that were counted; the batch is abandoned.
    """
    faults.reach("ingest.after_write")
    append_rows(lake, BATCHES, [batch.to_row(PREPARED, stamp())])
    faults.reach("ingest.after_prepared")
    try:
        return _complete(lake, batch)
    except (CommitConflictError, ConservationError):
        abandon(lake, batch)
        raise


def settle_idle(lake: Lake, dataset: str) -> int:
    """Settle a dataset if no process lands for it at the moment; a process that lands has settled it already."""
    try:
        with hold_patiently(lake, dataset, LEASE, timedelta(0)):
            return settle(lake, dataset)
    except LeaseHeldError as error:
        log.info("%s", error.message)
        return 0


def settle(lake: Lake, dataset: str) -> int:
    """Complete or abandon what interrupted landings left; the caller holds the landing lease.

    Returns:
        How many rows were appended to `ops.landings`.
    """
    if not lake.exists(dataset):
        return 0
    table = lake.table(dataset)
    registered = _register_newest(lake, table)
    for batch in _open(lake, dataset, landing_seq(table)):
        if _is_unchanged(lake, batch):
            try:
                registered += len(_complete(lake, batch))
                continue
            except (CommitConflictError, ConservationError, OSError) as error:
                log.warning("The batch %s is landed again: %s", batch.batch_id, error)
        abandon(lake, batch)
    for leftover in _cut_off(lake) if lake.exists(QUARANTINE) else ():
        if leftover.dataset == dataset:
            abandon(lake, Batch(leftover.sha256, dataset, (leftover,), (), ()))
    return registered


def unfinished(lake: Lake) -> list[Landing]:
    """Return the landings whose bad rows are in the quarantine and whose other rows are not in their raw table.

    These are ranges of streams, and files of older versions; batches are settled before anything expires. Landings for
    retired datasets are left out: they are never completed.
    """
    landings, gone = (*_cut_off(lake), *landed_files.streamed_in_part(lake)), retirements(lake)
    return [leftover for leftover in landings if leftover.dataset not in gone]


def _cut_off(lake: Lake) -> list[Landing]:
    landings = landed_files.cut_off(lake)
    return [leftover for leftover in landings if not _noted(lake, leftover.sha256, ABANDONED)]


def _register_newest(lake: Lake, table: "Table") -> int:
    """Append the files of the newest batch to `ops.landings`, if its landing died before it registered them."""
    dataset = ".".join(table.name())
    newest = next((committed for committed in landed_files.landings_of(table) if not committed.through), None)
    if newest is None or not newest.batch_id:
        return len(landed_files.register_missing(lake, dataset))
    known = landed_files.registered(lake, dataset, newest.landing_seq - 1)
    if any(file.batch_id == newest.batch_id for file in known):
        return 0
    return len(_register(lake, prepared_as(lake, newest.batch_id), newest.snapshot_id))


def prepared(lake: Lake, dataset: str) -> list[Batch]:
    """Return the batches of a raw dataset whose rows are not in its table, oldest first."""
    return _open(lake, dataset, landing_seq(lake.table(dataset))) if lake.exists(dataset) else []


def prepared_as(lake: Lake, batch_id: str) -> Batch:
    """Return a batch as it was noted before its first commit.

    Raises:
        ConservationError: the note is gone.
    """
    rows = _noted(lake, batch_id, PREPARED)
    if not rows:
        raise ConservationError(
            f"A commit of raw rows names the batch {batch_id}, of which {BATCHES} has no row.",
            next_step=f"Bring {BATCHES} back to a snapshot that has it; the rows themselves are in the lake.",
            facts={"batch_id": batch_id},
        )
    return Batch.from_row(rows[0])


def abandon(lake: Lake, batch: Batch) -> None:
    """Remove the bad rows of a batch from the quarantine, and note the batch as abandoned: none of its rows is landed.

    Raises:
        CommitConflictError: other processes committed to the quarantine first at every try.
    """
    log.warning(
        "A landing of %s that was cut off is taken back, its files are landed again: %s",
        batch.dataset,
        Landing.in_all(batch.landings).file,
    )
    with_bad = [file for file in batch.landings if file.rows_quarantined]
    if with_bad and lake.exists(QUARANTINE):
        landed_files.take_back(lake, with_bad)
    append_rows(lake, BATCHES, [batch.to_row(ABANDONED, stamp())])


def _noted(lake: Lake, batch_id: str, state: str) -> list[dict[str, str]]:
    return read_rows(lake, BATCHES, f"batch_id = '{batch_id}' and state = '{state}'")


def _open(lake: Lake, dataset: str, landed: int) -> list[Batch]:
    rows = read_rows(lake, BATCHES, f"dataset = '{dataset}' and last_seq > {landed}")
    over = {row["batch_id"] for row in rows if row["state"] == ABANDONED}
    # Where `main` was set back, registered batches are not landed again: a person wanted their rows removed.
    over |= {file.batch_id for file in landed_files.registered(lake, dataset, landed)} if rows else set()
    open_rows = {row["batch_id"]: row for row in rows if row["batch_id"] not in over}
    return [
        Batch.from_row(row) for row in sorted(open_rows.values(), key=lambda row: (row["noted_ts"], row["batch_id"]))
    ]


def _is_unchanged(lake: Lake, batch: Batch) -> bool:
    """Whether the files of a batch still hold the content that was read."""
    try:
        return all(scan(lake.settings, file.file).sha256 == file.sha256 for file in batch.landings)
    except LandingRefusedError:
        return False


def _complete(lake: Lake, batch: Batch) -> list[Landing]:
    in_all = Landing.in_all(batch.landings)
    if batch.bad and all(summary.get(BATCH) != batch.batch_id for _, summary in refs.summaries(lake.table(QUARANTINE))):
        _add(lake, QUARANTINE, batch.bad, in_all, in_all.rows_quarantined)
    faults.reach("ingest.after_quarantine")
    snapshot_id = _add(lake, batch.dataset, batch.good, in_all, in_all.rows_landed)
    faults.reach("ingest.after_raw")
    return _register(lake, batch, snapshot_id)


def _register(lake: Lake, batch: Batch, snapshot_id: int) -> list[Landing]:
    done = [replace(file, snapshot_id=snapshot_id) for file in batch.landings]
    landed_files.register(lake, done)
    return done


def _add(lake: Lake, target: str, paths: Sequence[str], landing: Landing, rows: int) -> int:
    """Add data files to `main` of a table in one commit; return its snapshot.

    Args:
        lake: the lake.
        target: the raw table, or the quarantine.
        paths: of the data files.
        landing: of the batch.
        rows: how many rows the data files hold.
    """
    overtaken = CommitConflictError(
        f"{landing.file} could not be added to {target}: others landed first.",
        next_step="Land it again: what is there already is not added twice.",
        facts={"file": landing.file, "table": target},
    )

    def once() -> int:
        table = lake.table(target)
        newest = landing_seq(table)
        if target != QUARANTINE and newest >= landing.first_seq:
            raise overtaken
        files = [commits.written_file(table, path) for path in paths]
        written = sum(file.record_count for file in files)
        if written != rows:
            raise _lost(target, landing, counted=rows, written=written)
        # The quarantine numbers the commits of all datasets, of files and of streams, in one sequence.
        number = newest + 1 if target == QUARANTINE else landing.landing_seq
        with retries.again_where_lost:
            commits.append_files(table, files, {**landing.to_summary(), LANDING_SEQ: str(number)})
        return refs.head(table)

    return retries.committed(once, overtaken)


def _lost(target: str, landing: Landing, *, counted: int, written: int) -> ConservationError:
    return ConservationError(
        f"{written} rows of {landing.file} were written for {target}, {counted} were counted.",
        next_step="Nothing of it was committed. Land it again; report it where that happens again.",
        facts={"file": landing.file, "table": target, "written": written, "counted": counted},
    )
