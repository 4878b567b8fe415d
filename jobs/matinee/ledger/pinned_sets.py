"""Pinned sets: published snapshots of one moment that somebody keeps from expiry until a day.

The register `ops.pins` says which snapshots are held; tags on the tables hold them. A set is recorded before its first
tag is put, and its end before the first tag is removed, so that the next process can finish the work of a process that
died (`settle`).
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from matinee import faults, retries
from matinee.days import end_of
from matinee.errors import CommitConflictError, SnapshotGoneError
from matinee.ledger.dropping import begin_of
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.registers import Register, stamp

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)
PINS = "ops.pins"
_HELD, _ENDED = "HELD", "ENDED"


@dataclass(frozen=True)
class PinnedSet:
    """What is held: the snapshot of each dataset; `until` is the last day, included."""

    pin_id: str
    snapshots: Mapping[str, int]
    until: date
    why: str
    holder: str
    since: datetime

    @property
    def tag(self) -> str:
        """The tag that holds it on each table."""
        return f"{names.SET}{self.pin_id}"

    @property
    def ends(self) -> datetime:
        """The first instant at which it is not held any more."""
        return end_of(self.until)


@dataclass(frozen=True)
class _Row:
    """A row of the register: a snapshot of a set that is held, or has ended."""

    pin_id: str
    dataset: str
    snapshot_id: int
    until: date
    why: str
    holder: str
    state: str
    recorded_ts: datetime


_REGISTER = Register(PINS, _Row)


def held(lake: Lake) -> list[PinnedSet]:
    """Return the sets that have not ended, oldest first."""
    rows = _REGISTER.rows(lake)
    ended = {row.pin_id for row in rows if row.state == _ENDED}
    by_set = defaultdict[str, list[_Row]](list)
    for row in rows:
        if row.pin_id not in ended:
            by_set[row.pin_id].append(row)
    sets = [
        PinnedSet(
            pin_id,
            {row.dataset: row.snapshot_id for row in of_set},
            of_set[0].until,
            of_set[0].why,
            of_set[0].holder,
            of_set[0].recorded_ts.astimezone(UTC),
        )
        for pin_id, of_set in sorted(by_set.items())
    ]
    return sorted(sets, key=lambda pinned: pinned.since)


def missing(lake: Lake, pinned: PinnedSet) -> list[str]:
    """Return the datasets of a set that lack its tag: the set is being made, or its making was cut off."""
    return [
        name for name, snapshot in pinned.snapshots.items() if refs.reference(lake.stored(name), pinned.tag) != snapshot
    ]


def hold(lake: Lake, snapshots: Mapping[str, int], until: date, why: str, holder: str) -> PinnedSet:
    """Record a set and put its tags; return a set that is held already.

    Raises:
        SnapshotGoneError: one of the snapshots has expired; nothing is held.
        CommitConflictError: others recorded sets first in every try, and nothing is held; or others committed
            to one of the tables first in every try: the same call again completes the set.
    """
    wanted = _recorded(lake, snapshots, until, why, holder)
    faults.reach("pin.after_record")
    try:
        _put_tags(lake, wanted)
    except SnapshotGoneError:
        end(lake, wanted)
        raise
    return wanted


def end(lake: Lake, pinned: PinnedSet) -> None:
    """Record that a set has ended, and remove its tags."""
    _record(lake, pinned, _ENDED)
    faults.reach("pin.after_end")
    for dataset in pinned.snapshots:
        refs.let_go(lake.stored(dataset), pinned.tag)


def settle(lake: Lake) -> None:
    """Bring the tags in line with the register: put the missing tags of held sets, remove the tags of ended sets."""
    if not lake.exists(PINS):
        return
    # Listed before the register is read: a tag is put after its set was recorded.
    tags = list(_tags(lake))
    now = held(lake)
    for pinned in now:
        try:
            _put_tags(lake, pinned)
        except SnapshotGoneError as error:
            log.warning("The pinned set %s ends: %s", pinned.pin_id, error.message)
            end(lake, pinned)
    known = {pinned.tag for pinned in now}
    for dataset, tag in tags:
        if tag not in known:
            refs.let_go(lake.stored(dataset), tag)


def end_overdue(lake: Lake, now: datetime) -> list[PinnedSet]:
    """Settle, then end the sets whose last day is over at `now`; return them."""
    settle(lake)
    overdue = [pinned for pinned in held(lake) if pinned.ends <= now]
    for pinned in overdue:
        end(lake, pinned)
    return overdue


def _recorded(lake: Lake, snapshots: Mapping[str, int], until: date, why: str, holder: str) -> PinnedSet:
    def once() -> PinnedSet:
        table = lake.ensure(PINS)  # Before the register is read: a commit in between is a conflict.
        for pinned in held(lake):
            if (pinned.snapshots, pinned.until, pinned.why) == (snapshots, until, why):
                return pinned
        since = stamp()
        made = {row.pin_id for row in _REGISTER.rows(lake) if row.pin_id.startswith(f"{since:%Y%m%d}_")}
        new = PinnedSet(f"{since:%Y%m%d}_{len(made) + 1}", dict(snapshots), until, why, holder, since)
        with retries.again_where_lost:
            _record(lake, new, _HELD, onto=table)
        return new

    told = f"Others pinned first, {refs.COMMIT_TRIES} times; nothing is held."
    return retries.committed(once, CommitConflictError(told, next_step="Pin again.", facts={"table": PINS}))


def _put_tags(lake: Lake, pinned: PinnedSet) -> None:
    for dataset, snapshot_id in pinned.snapshots.items():
        table = lake.stored(dataset)
        if refs.reference(table, pinned.tag) == snapshot_id:
            continue
        _require(table, snapshot_id)
        try:
            refs.put_tag(table, pinned.tag, snapshot_id, until=pinned.ends)
        except CommitConflictError:
            table = lake.stored(dataset)
            _require(table, snapshot_id)  # Expiry was first.
            if refs.reference(table, pinned.tag) != snapshot_id:  # Else another process does the same, and was first.
                raise
        faults.reach("pin.after_tag")


def _require(table: "Table", snapshot_id: int) -> None:
    if table.metadata.snapshot_by_id(snapshot_id) is None:
        name, begin = ".".join(table.name()), begin_of(table)
        raise SnapshotGoneError(
            f"Snapshot {snapshot_id} of {name} has expired"
            f"{f', and its days before {begin} were dropped' if begin else ''}: it cannot be held.",
            next_step="Pin again: the new set is of what is there now.",
            facts={"table": name, "snapshot_id": snapshot_id, "begin": begin},
        )


def _tags(lake: Lake) -> Iterator[tuple[str, str]]:
    for contract in lake.registry.all():
        if contract.transform and lake.exists(contract.dataset):
            references = lake.table(contract.dataset).metadata.refs
            yield from ((contract.dataset, name) for name in sorted(references) if name.startswith(names.SET))


def _record(lake: Lake, pinned: PinnedSet, state: str, *, onto: "Table | None" = None) -> None:
    recorded = pinned.since if state == _HELD else stamp()
    rows = (
        _Row(pinned.pin_id, dataset, snapshot_id, pinned.until, pinned.why, pinned.holder, state, recorded)
        for dataset, snapshot_id in pinned.snapshots.items()
    )
    _REGISTER.append(lake, rows, onto=onto)
