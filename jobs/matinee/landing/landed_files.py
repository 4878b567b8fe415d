"""Landings: which files are in the raw tables, known by the SHA-256 in the snapshot that each of them made.

A file makes one snapshot of `raw.quarantine` (only if it has bad rows), then one of its raw table, each written on a
branch and moved to `main` by compare-and-swap: so landing numbers are unique and rise, and a file whose landing was cut
off between the two is completed, never added twice. `ops.landings` keeps what the snapshots say for after they expired.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain, takewhile
from typing import TYPE_CHECKING

from matinee.errors import CommitConflictError, ConservationError
from matinee.landing.model import ONLY_IN_SUMMARY, QUARANTINE, Landing, landing_in
from matinee.landing.offsets import is_streamed_through, last_in
from matinee.table import names, refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.files import landing_seq
from matinee.table.landings import LANDINGS
from matinee.table.registers import append_rows

if TYPE_CHECKING:
    from pyiceberg.table import Table

TRIES = 20

#: Writes the rows of a numbered landing to its branch, in one commit that carries `to_summary()`.
Write = Callable[[Landing], None]


def landed(lake: Lake, dataset: str) -> dict[str, Landing]:
    """Return every landing of a dataset by its SHA-256; those that died before they were registered are so now."""
    found = [*registered(lake, dataset), *register_missing(lake, dataset)]
    return {one.sha256: one for one in found}


def quarantined(lake: Lake, dataset: str, sha256: str) -> Landing | None:
    """Return the landing whose bad rows are in the quarantine; a landing that was cut off goes on as it began."""
    return _find(lake.table(QUARANTINE), dataset, sha256) if lake.exists(QUARANTINE) else None


def registered(lake: Lake, dataset: str) -> list[Landing]:
    """Return the rows of `ops.landings` for a dataset, by landing number, one a file."""
    if not lake.exists(LANDINGS):
        return []
    rows = lake.table(LANDINGS).scan(row_filter=f"dataset = '{dataset}'").to_arrow().to_pylist()
    found = [Landing(**{**row, "unknown_fields": json.loads(row["unknown_fields"])}) for row in rows]
    return sorted({one.sha256: one for one in found}.values(), key=lambda one: one.landing_seq)


def landing_times(lake: Lake, dataset: str, since: datetime) -> list[datetime]:
    """Return when files with rows of a dataset were landed, from an instant on, oldest first."""
    if not lake.exists(LANDINGS):
        return []
    wanted = f"dataset = '{dataset}' and rows_landed > 0 and received_ts >= '{since.isoformat()}'"
    rows = lake.table(LANDINGS).scan(row_filter=wanted, selected_fields=("received_ts",)).to_arrow()
    return sorted(set(rows["received_ts"].to_pylist()))


def register(lake: Lake, landings: list[Landing]) -> None:
    """Append rows to `ops.landings` in one commit. A landing that two processes register has two equal rows."""
    rows = [{**vars(one), "unknown_fields": json.dumps(dict(one.unknown_fields), sort_keys=True)} for one in landings]
    for row in rows:
        for name in ONLY_IN_SUMMARY:
            del row[name]
    append_rows(lake, LANDINGS, rows)


def register_missing(lake: Lake, dataset: str) -> list[Landing]:
    """Register the landings of a raw dataset that died before they did so; before every expiry of its snapshots.

    Returns:
        What was appended to `ops.landings`.
    """
    if not lake.exists(dataset):
        return []
    known = {one.sha256 for one in registered(lake, dataset)}
    missing = [one for one in reversed(list(landed_newest(lake, dataset))) if one.sha256 not in known]
    register(lake, missing)
    return missing


def landed_newest(lake: Lake, target: str) -> Iterator[Landing]:
    """Yield the landings that the snapshots of a table tell of, newest first; the oldest ones may have expired."""
    yield from _landings_of(lake.table(target))


def landed_after(lake: Lake, dataset: str, landing_number: int) -> list[Landing]:
    """Return the landings of a raw dataset after a number, oldest first: from its snapshots, and from the register."""
    newer = list(takewhile(lambda one: one.landing_seq > landing_number, landed_newest(lake, dataset)))[::-1]
    if newer and newer[0].landing_seq == landing_number + 1:
        return newer
    first = newer[0].landing_seq if newer else landing_seq(lake.table(dataset)) + 1
    older = (one for one in registered(lake, dataset) if landing_number < one.landing_seq < first)
    return [*(older if first > landing_number + 1 else ()), *newer]


def unfinished(lake: Lake) -> list[Landing]:
    """Return the landings whose bad rows are in the quarantine and whose other rows are not registered as landed."""
    table = lake.table(QUARANTINE)
    found = list({one.snapshot_id: one for one in (*_landings_of(table), *_begun(table))}.values())
    done = {(one.dataset, one.sha256) for name in {one.dataset for one in found} for one in registered(lake, name)}
    return [one for one in found if (one.dataset, one.sha256) not in done and not is_streamed_through(lake, one)]


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
    _renew_branch(lake.table(target), landing.branch, base)
    try:
        write(landing)
        table = lake.table(target)
        written = _written(table, target, landing, base)
        refs.publish_snapshot(table, written, expected=base)
    finally:
        _drop_branch(lake.table(target), landing.branch)
    return replace(landing, snapshot_id=written)


def _renew_branch(table: "Table", branch: str, base: int) -> None:
    _drop_branch(table, branch)
    refs.create_branch(table, branch, base)


def _drop_branch(table: "Table", branch: str) -> None:
    # Whoever lands the same bytes at the same time uses the same branch. What is published is a snapshot, checked for
    # whose it is and what it stands on; who loses the branch meanwhile sees that and tries again.
    found = refs.reference(table, branch)
    if found is not None:
        with suppress(CommitConflictError):
            refs.remove(table, branch, expected=found)


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
    found = chain(_landings_of(table), _begun(table))
    return next((one for one in found if (one.dataset, one.sha256) == (dataset, sha256)), None)


def _landings_of(table: "Table") -> Iterator[Landing]:
    for snapshot_id, summary in refs.summaries(table):
        found = landing_in(summary, snapshot_id)
        if found is not None:
            yield found


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
