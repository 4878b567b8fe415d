"""Landings: which files and which ranges of a stream are in the raw tables.

`ops.landings` has a row for each file whose rows are in the lake; `landing.batches` writes these rows. A range of a
stream makes one snapshot of `raw.quarantine` (only if the range has bad rows), then one snapshot of its raw table. Each
snapshot is written on a branch and moved to `main` by compare-and-swap: so landing numbers are unique and rise. Earlier
versions landed files in the same way, one at a time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any

from matinee import retries
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
    """Return the landings of some contents for a dataset, by SHA-256; contents that were not landed are left out."""
    landings = _registered(lake, dataset, "sha256", sha256s)
    return {landing.sha256: landing for landing in sorted(landings, key=lambda landing: landing.landing_seq)}


def landed_snapshots(lake: Lake, dataset: str, snapshots: Collection[tuple[str, str]]) -> dict[str, Landing]:
    """Return the landings of some snapshots of a dimension, by SHA-256; each is given by its file and its SHA-256.

    The newest snapshot holds. So a dimension that is as it was before is landed again, from a file of another name.
    """
    known = landed(lake, dataset, {sha256 for _, sha256 in snapshots})
    if known:
        rows = _registered(lake, dataset, "sha256", known)
        [*_, newest] = registered(lake, dataset, landing_seq(lake.table(dataset)) - 1)
        told = {(landing.file, landing.sha256) for landing in rows}
        for file, sha256 in snapshots:
            if sha256 != newest.sha256 and (file, sha256) not in told:
                known.pop(sha256, None)
    return known


def seen(lake: Lake, dataset: str, files: Collection[str]) -> dict[tuple[str, str], list[str]]:
    """Return the SHA-256 of each of some files whose content was landed, from any file, by file and identity.

    A file that was read again and held other bytes has several.
    """
    # Files whose names are not UTF-8 are never registered.
    names = [file for file in files if shown(file) == file]
    landings = _registered(lake, dataset, "file", names)
    contents: dict[tuple[str, str], list[str]] = {}
    for landing in sorted(landings, key=lambda landing: (landing.landing_seq, landing.sha256)):
        if landing.identity:
            contents.setdefault((landing.file, landing.identity), []).append(landing.sha256)
    return contents


def note_seen(lake: Lake, copies: Iterable[tuple[Landing, str, str]]) -> None:
    """Register files, each with its identity, that hold landed content: they need not be read again.

    Their rows have no landing number and count no rows: nothing was added.
    """
    nothing: Any = {"rows_in": 0, "rows_landed": 0, "rows_quarantined": 0, "unknown_fields": {}, "landing_seq": 0}
    register(lake, [replace(landing, file=file, identity=identity, **nothing) for landing, file, identity in copies])


def _registered(lake: Lake, dataset: str, column: str, values: Collection[str]) -> list[Landing]:
    return REGISTER.rows(lake, _among(dataset, column, values)) if values else []


def _among(dataset: str, column: str, values: Collection[str]) -> "BooleanExpression":
    from pyiceberg import expressions

    # mypy's plugin for pydantic does not know the constructors that PyIceberg writes by hand.
    made: Any = expressions
    condition: BooleanExpression = made.And(made.EqualTo("dataset", dataset), made.In(column, sorted(values)))
    return condition


def registered(lake: Lake, dataset: str, after: int = 0) -> list[Landing]:
    """Return the rows of `ops.landings` for a dataset above a landing number, in order of number, one for each file."""
    landings = REGISTER.rows(lake, f"dataset = '{dataset}' and landing_seq > {after}")
    return sorted({landing.sha256: landing for landing in landings}.values(), key=lambda landing: landing.landing_seq)


def landing_times(lake: Lake, dataset: str, since: datetime) -> list[datetime]:
    """Return when files with rows of a dataset were landed, from an instant on, oldest first."""
    wanted = f"dataset = '{dataset}' and rows_landed > 0 and received_ts >= '{since.isoformat()}'"
    return sorted({row["received_ts"] for row in read_rows(lake, LANDINGS, wanted, "received_ts")})


def register(lake: Lake, landings: Sequence[Landing]) -> None:
    """Append rows to `ops.landings` in one commit. A landing that two processes register has two equal rows."""
    REGISTER.append(lake, landings)


def register_missing(lake: Lake, dataset: str) -> list[Landing]:
    """Register the files that earlier versions landed and did not register; before their snapshots expire.

    Returns:
        The landings that were appended to `ops.landings`.
    """
    if not lake.exists(dataset):
        return []
    landings = [landing for landing in landed_newest(lake, dataset) if not landing.through and not landing.batch_id]
    known = landed(lake, dataset, {landing.sha256 for landing in landings})
    missing = [landing for landing in reversed(landings) if landing.sha256 not in known]
    register(lake, missing)
    return missing


def landed_newest(lake: Lake, target: str) -> Iterator[Landing]:
    """Yield the landings that the snapshots of a table, loaded now, describe: see `landings_of`."""
    yield from landings_of(lake.table(target))


def landings_of(table: "Table") -> Iterator[Landing]:
    """Yield the landings that the snapshots of a table describe, newest first; the oldest may have expired."""
    for snapshot_id, summary in refs.summaries(table):
        landing = landing_in(summary, snapshot_id)
        if landing is not None:
            yield landing


def landed_after(lake: Lake, dataset: str, landing_number: int) -> list[Landing]:
    """Return the landings of a raw dataset after a number, oldest first: from its snapshots, and from the register."""
    newer = list(takewhile(lambda landing: landing.landing_seq > landing_number, landed_newest(lake, dataset)))[::-1]
    firsts = [landing.first_seq or landing.landing_seq for landing in newer]
    if newer and firsts[0] == landing_number + 1 and firsts == [landing.landing_seq for landing in newer]:
        return newer
    noted = registered(lake, dataset, landing_number)
    first = firsts[0] if newer else landing_seq(lake.table(dataset)) + 1
    landings = [landing for landing in noted if landing.landing_seq < first]
    for landing in newer:
        files = [file for file in noted if landing.batch_id and file.batch_id == landing.batch_id]
        # A batch that is not registered yet counts as one landing: its commit describes the whole batch.
        landings += files or [landing]
    return landings


def cut_off(lake: Lake) -> list[Landing]:
    """Return the landings of files of which earlier versions landed only the bad rows, in the quarantine."""
    table = lake.table(QUARANTINE)
    told = (
        landing for landing in (*landings_of(table), *_begun(table)) if not landing.batch_id and not landing.through
    )
    landings = list({landing.snapshot_id: landing for landing in told}.values())
    files = {
        name: {landing.sha256 for landing in landings if landing.dataset == name}
        for name in {landing.dataset for landing in landings}
    }
    done = {(name, sha256) for name, known in files.items() for sha256 in landed(lake, name, known)}
    return [landing for landing in landings if (landing.dataset, landing.sha256) not in done]


def streamed_in_part(lake: Lake) -> list[Landing]:
    """Return the ranges of streams whose bad rows are in the quarantine and whose good rows are not landed yet."""
    table = lake.table(QUARANTINE)
    told = (landing for landing in (*landings_of(table), *_begun(table)) if landing.through)
    landings = {landing.snapshot_id: landing for landing in told}.values()
    return [landing for landing in landings if not is_streamed_through(lake, landing)]


def take_back(lake: Lake, landings: Sequence[Landing]) -> None:
    """Remove from the quarantine the bad rows of landings of one dataset that will not be completed.

    Raises:
        CommitConflictError: other processes committed first at every try.
    """
    from pyiceberg.expressions import And
    from pyiceberg.expressions.parser import parse

    numbers = [landing.landing_seq for landing in landings]
    numbered = parse(f"landing_seq >= {min(numbers)} and landing_seq <= {max(numbers)}")
    wanted = And(_among(landings[0].dataset, "file", {landing.file for landing in landings}), numbered)

    def once() -> None:
        with retries.again_where_lost:
            remove_rows(lake.table(QUARANTINE), wanted, {})

    lost = f"others were first, {refs.COMMIT_TRIES} times, and its bad rows are still there"
    retries.committed(once, _conflict(QUARANTINE, landings[0], lost))


def commit(lake: Lake, target: str, landing: Landing, write: Write) -> tuple[Landing, bool]:
    """Add a landing's rows to `main` of a table under the next landing number, unless they are there already.

    Args:
        lake: the lake.
        target: the raw table, or `raw.quarantine`.
        landing: the file, not numbered yet.
        write: writes the landing's rows of this table to `landing.branch`; called again with a higher number if `main`
            moved.

    Returns:
        The landing as it stands on `main`, and whether this call put it there: another process may have been first
        with the same bytes.

    Raises:
        ConservationError: the commit does not hold the rows that were counted; `main` did not move.
        CommitConflictError: other landings were first at every try; nothing was added.
    """

    def once() -> tuple[Landing, bool]:
        table = lake.ensure(target)
        known = _find(table, landing.dataset, landing.sha256)
        if known is not None:
            return known, False
        base = refs.head(table)
        _refuse_overtaken(table, target, landing)
        numbered = replace(landing, landing_seq=landing_seq(table, base) + 1)
        # Where another file was landed meanwhile, its number is taken: the rows are written with the next number.
        with retries.again_where_lost:
            return _commit_once(lake, target, numbered, base, write), True

    return retries.committed(once, _conflict(target, landing, f"other landings were first, {TRIES} times"), TRIES)


def _refuse_overtaken(table: "Table", target: str, landing: Landing) -> None:
    """Refuse a range of a stream that does not begin at the table's offsets: its records may be landed already."""
    last = last_in(table, landing.dataset) if landing.through else None
    if dict(last.through if last else {}) != dict(landing.after) and landing.through:
        raise _conflict(target, landing, "another process streams into it")


def _commit_once(lake: Lake, target: str, landing: Landing, base: int, write: Write) -> Landing:
    # Processes that land the same bytes at the same time use the same branch. Each publishes its snapshot, not the
    # branch, after a check of the snapshot's summary and parent: a process that lost the branch fails the check and
    # tries again.
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
    """Return the branch's snapshot once it is checked: this landing's, on `base`, with the rows that were counted."""
    snapshot_id = refs.reference(table, landing.branch)
    snapshot = table.metadata.snapshot_by_id(snapshot_id) if snapshot_id is not None else None
    summary = summary_of(table, snapshot_id) if snapshot_id is not None else {}
    is_ours = all(summary.get(name) == value for name, value in landing.to_summary().items())
    if snapshot_id is None or snapshot is None or snapshot.parent_snapshot_id != base or not is_ours:
        raise _conflict(target, landing, "another process lands the same bytes")
    expected = landing.rows_quarantined if target == QUARANTINE else landing.rows_landed
    rows = int(summary.get("added-records", "0"))
    if rows != expected:
        raise ConservationError(
            f"{rows} rows of {landing.file} were written to {target}, {expected} were counted.",
            next_step="main is untouched. Land a copy of the file that nobody writes to any more.",
            facts={"file": landing.file, "table": target, "written": rows, "counted": expected},
        )
    return snapshot_id


def _find(table: "Table", dataset: str, sha256: str) -> Landing | None:
    landings = chain(landings_of(table), _begun(table))
    return next((landing for landing in landings if (landing.dataset, landing.sha256) == (dataset, sha256)), None)


def _begun(table: "Table") -> Iterator[Landing]:
    """Yield the landings of the quarantine whose snapshots expiry has tagged: `main` may not reach them any more."""
    for name, ref in sorted(table.metadata.refs.items()):
        landing = landing_in(summary_of(table, ref.snapshot_id), ref.snapshot_id)
        if landing is not None and name.startswith(names.BEGUN):
            yield landing


def _conflict(target: str, landing: Landing, cause: str) -> CommitConflictError:
    return CommitConflictError(
        f"{landing.file} could not be added to {target}: {cause}.",
        next_step="Land it again: what is there already is not added twice.",
        facts={"file": landing.file, "table": target},
    )
