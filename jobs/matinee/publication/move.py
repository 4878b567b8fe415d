"""Publishing: an audited change reaches `main` by one atomic compare-and-swap, replayed where `main` moved elsewhere.

1. `main` is what the branch came from: the pointer moves.
2. `main` moved in other days, or by a proven compaction: the change is replayed onto the new head without rewriting
   data files, the audits that look across days run again, and the pointer moves.
3. Otherwise, or where an input was read older than by the publication it would replace: `StaleInputsError`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from matinee import faults, retries
from matinee.days import day_range
from matinee.errors import CommitConflictError, DroppedError, StaleInputsError, UsageError, WithdrawnError
from matinee.ledger.compactions import proven
from matinee.ledger.dropping import begin_of
from matinee.ledger.ledger import History, history
from matinee.ledger.model import PUBLICATION_ID, REACHED, RUN, InputPin, Run, State, Withdrawal
from matinee.report import Verdict
from matinee.table import names, refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.commits import replace_files
from matinee.table.files import file_bucket, file_day, files_of, slice_files
from matinee.table.snapshots import added_files, changed_files, since

if TYPE_CHECKING:
    from pyiceberg.table import Table

TRIES = 5
#: Days, each with the buckets of it that are known to have changed.
Cells = dict[date, set[int]]


@dataclass(frozen=True)
class Published:
    """Where a publication stands on `main`, and whether its change was replayed to get there."""

    snapshot_id: int
    sequence_number: int
    replayed: bool
    verdicts: tuple[Verdict, ...] = ()


def move_to_main(
    lake: Lake, run: Run, audit_again: Callable[[int], tuple[Verdict, ...]], look: History | None = None
) -> Published:
    """Move an audited change to `main`; a second call for the same publication changes nothing.

    Args:
        lake: the lake.
        run: what the audit branch holds.
        audit_again: called with the snapshot of a replayed change; runs the audits that look across days, returns
            their verdicts and raises where one blocks.
        look: the history that the first try uses; each later try, and the first without it, reads the history itself.

    Raises:
        WithdrawnError: one of the days was withdrawn after the run began.
        DroppedError: one of the days was dropped after the run began.
        UsageError: the run was published before, and `main` was set back since.
        StaleInputsError: another commit changed the same days, inputs were read older than by what is published, or
            the branch does not hold exactly what was audited.
        CommitConflictError: `main` moved again during each of several tries.
        AuditFailedError: the replayed change failed an audit.
    """
    for _ in range(TRIES):
        published, look = look or history(lake, run.dataset), None
        table = published.table or lake.table(run.dataset)
        moved = _already(table, run)
        if moved is not None:
            return moved
        _refuse_dropped(table, run)
        _refuse_withdrawn(table, published, run)
        _refuse_older_inputs(lake, published, run)
        main = refs.head(table)
        audited = _audited(table, published, run)
        replayed = table.metadata.snapshot_by_id(audited).parent_snapshot_id != main  # type: ignore[union-attr]
        verdicts: tuple[Verdict, ...] = ()
        if replayed:
            _refuse_same_cells(lake, table, run, audited, main)
            branch = _replay(lake, table, run, audited, main)
            faults.reach("publish.after_replay")
            table = lake.table(run.dataset)
            audited = refs.reference(table, branch) or main
            if not _is_ours(table, audited, run, main):
                continue  # Another process of this run has replaced the branch.
            verdicts = audit_again(audited)
        else:
            _refuse_newer(table, published, run, audited)
        faults.reach("publish.before_move")
        try:
            table = refs.publish_snapshot(table, audited, expected=main)
        except CommitConflictError:
            continue
        faults.reach("publish.after_move")
        return Published(audited, refs.sequence(table, audited), replayed, verdicts)
    raise CommitConflictError(
        f"main of {run.dataset} moved during each of {TRIES} tries to publish {run.publication_id}.",
        next_step="Run again when fewer writers are at work.",
        facts={"dataset": run.dataset, "publication_id": run.publication_id},
    )


def _refuse_dropped(table: "Table", run: Run) -> None:
    begin = begin_of(table)
    if begin is not None and run.first_day < begin:
        raise DroppedError(
            f"{run.publication_id} cannot be published: {run.dataset} {run.first_day} was dropped meanwhile.",
            next_step=f"Nothing: {run.dataset} keeps its days from {begin} on.",
            facts={"dataset": run.dataset, "day": run.first_day, "publication_id": run.publication_id, "begin": begin},
        )


def _refuse_withdrawn(table: "Table", published: History, run: Run) -> None:
    """Refuse a run where one of its days was withdrawn after it began, by the order of `main`'s commits, not by clocks.

    Raises:
        WithdrawnError: naming the day and the reason.
    """
    began = refs.sequence(table, run.base_snapshot_id) if run.began is None else run.began
    before = set[tuple[str, date]]()
    for snapshot_id, summary in refs.summaries(table):
        word = Withdrawal.from_summary(summary)
        if word is None or not run.first_day <= word.day <= run.last_day:
            continue
        if refs.sequence(table, snapshot_id) > began:
            raise _withdrawn(run, word.day, word.reason)
        before.add((word.publication_id, word.day))
    for mine in published.find(run.publication_id):
        # Only the ledger has a withdrawal that main was set back behind, or that an older version of Matinee recorded.
        newest = published.newest(mine.day)
        if newest is None or newest.state is not State.WITHDRAWN or (newest.publication_id, mine.day) in before:
            continue
        if (newest.generation, newest.recorded_ts) > (mine.generation, mine.recorded_ts):
            raise _withdrawn(run, mine.day, newest.reason or "")


def _withdrawn(run: Run, day: date, reason: str) -> WithdrawnError:
    return WithdrawnError(
        f"{run.publication_id} cannot be published: {run.dataset} {day} was withdrawn after this run began ({reason}).",
        next_step=f"Once the cause is fixed, `matinee run {run.dataset} --key {day}` publishes the day again.",
        facts={"dataset": run.dataset, "day": day, "publication_id": run.publication_id, "reason": reason},
    )


def _refuse_older_inputs(lake: Lake, published: History, run: Run) -> None:
    """Refuse a run that read an older snapshot of an input than the publication that it would replace.

    Raises:
        StaleInputsError: naming that publication and the input.
    """
    days = (day for day in published.by_day if run.first_day <= day <= run.last_day)
    newest = {publication.publication_id: publication for publication in map(published.newest, days) if publication}
    ours = {pin.dataset: pin for pin in run.pins}
    for other in newest.values():
        for theirs in other.run.pins if other.publication_id != run.publication_id else ():
            mine = ours.get(theirs.dataset)
            if mine and mine.sequence_number < theirs.sequence_number and not _set_back(lake, theirs):
                raise StaleInputsError(
                    f"{run.publication_id} read {theirs.dataset} at snapshot {mine.snapshot_id}; "
                    f"{other.publication_id}, which it would replace, read the newer {theirs.snapshot_id}.",
                    next_step="Write and audit again: the run then reads what is there now.",
                    facts={"snapshot_id": other.head_snapshot_id, "publication_id": other.publication_id},
                )


def _refuse_newer(table: "Table", published: History, run: Run, audited: int) -> None:
    """Refuse a change that is older than a publication of its days that `main` was set back behind."""
    for day in day_range(run.first_day, run.last_day):
        newest = published.newest(day)
        if newest is not None and (newest.head_sequence_number or 0) > refs.sequence(table, audited):
            raise _stale_cells(run, newest.head_snapshot_id or 0, newest.publication_id, {day: set()})


def _set_back(lake: Lake, pin: InputPin) -> bool:
    """Whether `main` of an input was set back behind the snapshot that a publication read: no run can read it now."""
    table = lake.table(pin.dataset)
    return table.metadata.snapshot_by_id(pin.snapshot_id) is not None and pin.snapshot_id not in refs.ancestry(table)


def _is_ours(table: "Table", snapshot_id: int, run: Run, parent: int) -> bool:
    """Whether a snapshot is this publication's change, committed directly on a parent snapshot."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    named = summary_of(table, snapshot_id).get(PUBLICATION_ID) == run.publication_id
    return named and snapshot is not None and snapshot.parent_snapshot_id == parent


def _audited(table: "Table", published: History, run: Run) -> int:
    """Return the audited snapshot; the branch has to point at it, whatever other processes wrote or audited meanwhile.

    Raises:
        UsageError: the publication was on `main` once, and `main` was set back.
        StaleInputsError: the branch is not at what was audited.
    """
    prepared, head = published.prepared(run.publication_id), refs.reference(table, run.branch)
    if prepared is not None and prepared.state in REACHED:
        raise UsageError(
            f"{run.publication_id} was published as snapshot {prepared.head_snapshot_id}, and main of {run.dataset} "
            "was set back since.",
            next_step=f"`matinee run {run.dataset} --key {run.first_day}` publishes the day again.",
            facts={"dataset": run.dataset, "publication_id": run.publication_id, "snapshot_id": head},
        )
    judged = prepared is not None and prepared.state is not State.ABANDONED and prepared.run == run
    if prepared is None or head is None or not judged or head != prepared.audited_snapshot_id:
        raise _stale(run, head, f"its branch {run.branch} is not at what was audited")
    return head


def _already(table: "Table", run: Run) -> Published | None:
    for snapshot_id, summary in refs.summaries(table):
        if summary.get(PUBLICATION_ID) == run.publication_id:
            audited = refs.reference(table, run.branch)
            return Published(snapshot_id, refs.sequence(table, snapshot_id), audited not in (None, snapshot_id))
    return None


def _refuse_same_cells(lake: Lake, table: "Table", run: Run, audited: int, main: int) -> None:
    base = table.metadata.snapshot_by_id(audited).parent_snapshot_id  # type: ignore[union-attr]
    contract = lake.registry.get(run.dataset)
    day_column = contract.day_column or ""
    commits = since(table, base, main) if base is not None else None
    if commits is None:
        raise _stale(run, main, "main does not descend from what the branch came from")
    for commit in commits:
        # A commit of no publication may have changed any bucket of the days: only a whole day replaces its rows.
        ours = run.written(main) if RUN in summary_of(table, commit) else replace(run.written(main), buckets=None)
        files = files_of(table, day_column, changed_files(table, commit), ours)
        cells: Cells = {day: set() for day in _republished(table, commit, run)}
        for file in files:
            bucket = file_bucket(table, file)
            cells.setdefault(file_day(table, file, day_column), set()).update(() if bucket is None else (bucket,))
        if cells and not proven(lake, table, [commit]):
            raise _stale_cells(run, commit, summary_of(table, commit).get(PUBLICATION_ID, "no publication"), cells)


def _republished(table: "Table", commit: int, run: Run) -> set[date]:
    """Return the days of a run that a commit published, whatever rows it changed.

    The buckets of a heal and the generation of a day are computed from the day's newest publication. After another
    publication of the day both have to be computed again: it may have changed buckets that this heal left out.
    """
    summary = summary_of(table, commit)
    if RUN not in summary:
        return set()
    other = Run.from_summary(summary)
    return set(day_range(max(run.first_day, other.first_day), min(run.last_day, other.last_day)))


def _stale(run: Run, snapshot_id: int | None, cause: str) -> StaleInputsError:
    return StaleInputsError(
        f"{run.publication_id} cannot be published: {cause} (snapshot {snapshot_id} of {run.dataset} is in the way).",
        next_step="Write and audit again: the run then starts from main as it is now.",
        facts={"dataset": run.dataset, "snapshot_id": snapshot_id, "publication_id": run.publication_id},
    )


def _stale_cells(run: Run, commit: int, other: str, cells: Cells) -> StaleInputsError:
    named = [f"{day}{_buckets(cells[day])}" for day in sorted(cells)]
    error = _stale(run, commit, f"{other} changed {', '.join(named)} meanwhile")
    error.facts |= {"other": other, "cells": {str(day): sorted(buckets) for day, buckets in sorted(cells.items())}}
    return error


def _buckets(buckets: set[int]) -> str:
    if not buckets:
        return ""
    few = len(buckets) <= 8  # The error's facts list all of them.
    return f" (buckets {', '.join(map(str, sorted(buckets)))})" if few else f" ({len(buckets)} buckets)"


def _replay(lake: Lake, table: "Table", run: Run, audited: int, main: int) -> str:
    """Put the audited change onto `main`'s head, on a branch of its own, without rewriting a data file."""
    branch = f"{names.REPLAY}{run.publication_id}"
    added = added_files(table, audited)
    day_column = lake.registry.get(run.dataset).day_column or ""
    removed = list(slice_files(table, day_column, run.written(main)))

    def once() -> None:
        table = refs.create_branch(refs.drop(lake.table(run.dataset), branch), branch, main)
        # Where a commit to another reference of the table comes between, the branch is as it was.
        with retries.again_where_lost:
            replace_files(table, branch, removed, added, run.to_summary())

    lost = CommitConflictError(
        f"The replay of {run.publication_id} lost the race for the table's metadata {refs.COMMIT_TRIES} times.",
        next_step="Run again when fewer writers are at work.",
        facts={"dataset": run.dataset, "publication_id": run.publication_id},
    )
    retries.committed(once, lost)
    return branch


def drop_branches(table: "Table", run: Run) -> None:
    """Remove the publication's branches, as far as they exist."""
    for name in (run.branch, f"{names.REPLAY}{run.publication_id}"):
        table = refs.drop(table, name)
