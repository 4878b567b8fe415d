"""Landings: which files and which ranges of a stream are in the raw tables.

Files are known by `ops.landings`, where each stands once its rows are in; `landing.batches` sees to that. A range of a
stream makes one snapshot of `raw.quarantine` (only if it has bad rows), then one of its raw table, each written on a
branch and moved to `main` by compare-and-swap: so landing numbers are unique and rise. Versions before this one landed
files so, too, one at a time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any

from matinee.errors import CommitConflictError, ConservationError
from matinee.landing.model import QUARANTINE, REGISTER, Landing, landing_in
from matinee.landing.offsets import is_streamed_through, last_in
from matinee.sources.files.scan import shown
from matinee.table import names, refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.commits import remove_rows
from matinee.table.files import landing_seq
from matinee.table.landings import LANDINGS
from matinee.table.registers import read_rows

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

TRIES = 20

#: Writes the rows of a numbered landing to its branch, in one commit that carries `to_summary()`.
Write = Callable[[Landing], None]


def landed(lake: Lake, dataset: str, sha256s: Collection[str]) -> dict[str, Landing]:
    """Return which of some contents were landed for a dataset, by their SHA-256."""
    found = _registered(lake, dataset, "sha256", sha256s)
    return {one.sha256: one for one in sorted(found, key=lambda one: one.landing_seq)}


def seen(lake: Lake, dataset: str, files: Collection[str]) -> dict[tuple[str, str], str]:
    """Return the SHA-256 of each of some files that was landed, or found to hold what was, by file and identity."""
    # Of a name that is no text nothing is registered.
    names = [file for file in files if shown(file) == file]
    found = _registered(lake, dataset, "file", names)
    return {(one.file, one.identity): one.sha256 for one in found if one.identity}


def note_seen(lake: Lake, found: Iterable[tuple[Landing, str, str]]) -> None:
    """Note that a content that was landed was found again, in a file of an identity: it need not be read again.

    Its row has no landing number and counts no rows: nothing was added.
    """
    nothing: Any = {"rows_in": 0, "rows_landed": 0, "rows_quarantined": 0, "unknown_fields": {}, "landing_seq": 0}
    register(lake, [replace(one, file=file, identity=identity, **nothing) for one, file, identity in found])


def _registered(lake: Lake, dataset: str, column: str, values: Collection[str]) -> list[Landing]:
    return REGISTER.rows(lake, _among(dataset, column, values)) if values else []


def _among(dataset: str, column: str, values: Collection[str]) -> "BooleanExpression":
    from pyiceberg import expressions

    # mypy's plugin for pydantic does not know the constructors that PyIceberg writes by hand.
    made: Any = expressions
    found: BooleanExpression = made.And(made.EqualTo("dataset", dataset), made.In(column, sorted(values)))
    return found


def registered(lake: Lake, dataset: str, after: int = 0) -> list[Landing]:
    """Return the rows of `ops.landings` for a dataset beyond a number, by landing number, one a file."""
    found = REGISTER.rows(lake, f"dataset = '{dataset}' and landing_seq > {after}")
    return sorted({one.sha256: one for one in found}.values(), key=lambda one: one.landing_seq)


def landing_times(lake: Lake, dataset: str, since: datetime) -> list[datetime]:
    """Return when files with rows of a dataset were landed, from an instant on, oldest first."""
    wanted = f"dataset = '{dataset}' and rows_landed > 0 and received_ts >= '{since.isoformat()}'"
    return sorted({row["received_ts"] for row in read_rows(lake, LANDINGS, wanted, "received_ts")})


def register(lake: Lake, landings: Sequence[Landing]) -> None:
    """Append rows to `ops.landings` in one commit. A landing that two processes register has two equal rows."""
    REGISTER.append(lake, landings)


def register_missing(lake: Lake, dataset: str) -> list[Landing]:
    """Register the files that older versions landed, and died before they did so; before their snapshots expire.

    Returns:
        What was appended to `ops.landings`.
    """
    if not lake.exists(dataset):
        return []
    found = [one for one in landed_newest(lake, dataset) if not one.through and not one.batch_id]
    known = landed(lake, dataset, {one.sha256 for one in found})
    missing = [one for one in reversed(found) if one.sha256 not in known]
    register(lake, missing)
    return missing


def landed_newest(lake: Lake, target: str) -> Iterator[Landing]:
    """Yield the landings that the snapshots of a table tell of, as it is now: see `landings_of`."""
    yield from landings_of(lake.table(target))


def landings_of(table: "Table") -> Iterator[Landing]:
    """Yield the landings that the snapshots of a table tell of, newest first; the oldest ones may have expired."""
    for snapshot_id, summary in refs.summaries(table):
        found = landing_in(summary, snapshot_id)
        if found is not None:
            yield found


def landed_after(lake: Lake, dataset: str, landing_number: int) -> list[Landing]:
    """Return the landings of a raw dataset after a number, oldest first: from its snapshots, and from the register."""
    newer = list(takewhile(lambda one: one.landing_seq > landing_number, landed_newest(lake, dataset)))[::-1]
    firsts = [one.first_seq or one.landing_seq for one in newer]
    if newer and firsts[0] == landing_number + 1 and firsts == [one.landing_seq for one in newer]:
        return newer
    noted = registered(lake, dataset, landing_number)
    first = firsts[0] if newer else landing_seq(lake.table(dataset)) + 1
    found = [one for one in noted if one.landing_seq < first]
    for one in newer:
        files = [file for file in noted if one.batch_id and file.batch_id == one.batch_id]
        # Of a batch that is not registered yet its commit tells, as of one landing.
        found += files or [one]
    return found


def cut_off(lake: Lake) -> list[Landing]:
    """Return the landings of files whose bad rows older versions left in the quarantine, without their other rows."""
    table = lake.table(QUARANTINE)
    told = (one for one in (*landings_of(table), *_begun(table)) if not one.batch_id and not one.through)
    found = list({one.snapshot_id: one for one in told}.values())
    files = {name: {one.sha256 for one in found if one.dataset == name} for name in {one.dataset for one in found}}
    done = {(name, sha256) for name, known in files.items() for sha256 in landed(lake, name, known)}
    return [one for one in found if (one.dataset, one.sha256) not in done]


def streamed_in_part(lake: Lake) -> list[Landing]:
    """Return the ranges of streams whose bad rows are in the quarantine and whose other rows are still to come."""
    table = lake.table(QUARANTINE)
    told = (one for one in (*landings_of(table), *_begun(table)) if one.through)
    found = {one.snapshot_id: one for one in told}.values()
    return [one for one in found if not is_streamed_through(lake, one)]


def take_back(lake: Lake, landings: Sequence[Landing]) -> None:
    """Remove the bad rows of landings of a dataset that will not be completed from the quarantine.

    Raises:
        CommitConflictError: others committed first, each of many times.
    """
    from pyiceberg.expressions import And
    from pyiceberg.expressions.parser import parse

    numbers = [one.landing_seq for one in landings]
    numbered = parse(f"landing_seq >= {min(numbers)} and landing_seq <= {max(numbers)}")
    wanted = And(_among(landings[0].dataset, "file", {one.file for one in landings}), numbered)
    told = f"Others committed to {QUARANTINE} first, {refs.COMMIT_TRIES} times: {landings[0].file} is still there."
    refs.committed(lambda: remove_rows(lake.table(QUARANTINE), wanted, {}), told, "Land it again.", table=QUARANTINE)


def commit(lake: Lake, target: str, landing: Landing, write: Write) -> tuple[Landing, bool]:
    """Add a landing's rows to `main` of a table under the next landing number, unless they are there already.

    Args:
        lake: the lake.
        target: the raw table, or `raw.quarantine`.
        landing: the file, not numbered yet.
        write: writes its rows of this table to `landing.branch`; called again with a higher number where `main` moved.

    Returns:
        The landing as it stands on `main`, and whether this call put it there: another process may have been first
        with the same bytes.

    Raises:
        ConservationError: the commit does not hold the rows that were counted; `main` did not move.
        CommitConflictError: others landed files each time; nothing was added.
    """
    for _ in range(TRIES):
        table = lake.ensure(target)
        known = _find(table, landing.dataset, landing.sha256)
        if known is not None:
            return known, False
        base = refs.head(table)
        _refuse_overtaken(table, target, landing)
        numbered = replace(landing, landing_seq=landing_seq(table, base) + 1)
        try:
            return _commit_once(lake, target, numbered, base, write), True
        except CommitConflictError:
            continue  # Another file was landed meanwhile: its number is taken, so the rows are written with the next.
    raise _conflict(target, landing, f"other landings were first, {TRIES} times")


def _refuse_overtaken(table: "Table", target: str, landing: Landing) -> None:
    """Refuse a range of a stream that does not go on where the table is: its records may be there already."""
    last = last_in(table, landing.dataset) if landing.through else None
    if dict(last.through if last else {}) != dict(landing.after) and landing.through:
        raise _conflict(target, landing, "another process streams into it")


def _commit_once(lake: Lake, target: str, landing: Landing, base: int, write: Write) -> Landing:
    # Whoever lands the same bytes at the same time uses the same branch. What is published is a snapshot, checked for
    # whose it is and what it stands on; who loses the branch meanwhile sees that and tries again.
    table = lake.table(target)
    refs.let_go(table, landing.branch)
    refs.create_branch(table, landing.branch, base)
    try:
        write(landing)
        table = lake.table(target)
        written = _written(table, target, landing, base)
        refs.publish_snapshot(table, written, expected=base)
    finally:
        refs.let_go(lake.table(target), landing.branch)
    return replace(landing, snapshot_id=written)


def _written(table: "Table", target: str, landing: Landing, base: int) -> int:
    """Return the one snapshot of the branch, if it is this landing's, on `base`, and holds the rows counted."""
    found = refs.reference(table, landing.branch)
    snapshot = table.metadata.snapshot_by_id(found) if found is not None else None
    summary = summary_of(table, found) if found is not None else {}
    is_ours = all(summary.get(name) == value for name, value in landing.to_summary().items())
    if found is None or snapshot is None or snapshot.parent_snapshot_id != base or not is_ours:
        raise _conflict(target, landing, "another process lands the same bytes")
    expected = landing.rows_quarantined if target == QUARANTINE else landing.rows_landed
    rows = int(summary.get("added-records", "0"))
    if rows != expected:
        raise ConservationError(
            f"{rows} rows of {landing.file} were written to {target}, {expected} were counted.",
            next_step="main is untouched. Land a copy of the file that nobody writes to any more.",
            facts={"file": landing.file, "table": target, "written": rows, "counted": expected},
        )
    return found


def _find(table: "Table", dataset: str, sha256: str) -> Landing | None:
    found = chain(landings_of(table), _begun(table))
    return next((one for one in found if (one.dataset, one.sha256) == (dataset, sha256)), None)


def _begun(table: "Table") -> Iterator[Landing]:
    """Yield the landings of the quarantine that expiry has tagged: `main` may not lead to them any more."""
    for name, ref in sorted(table.metadata.refs.items()):
        found = landing_in(summary_of(table, ref.snapshot_id), ref.snapshot_id)
        if found is not None and name.startswith(names.BEGUN):
            yield found


def _conflict(target: str, landing: Landing, cause: str) -> CommitConflictError:
    return CommitConflictError(
        f"{landing.file} could not be added to {target}: {cause}.",
        next_step="Land it again: what is there already is not added twice.",
        facts={"file": landing.file, "table": target},
    )
