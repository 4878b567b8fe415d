"""Interleavings: whatever may happen to a lake, as rules that can follow each other in any order.

Two attempts may be in flight at a time. Their steps are written, audited and published one by one, so that rows land
and `main` moves in between; a publication may be killed half-way, or meet another one, or an operator who withdraws its
day, between its look at `main` and its commit. An operator sets `main` back, and whoever writes may have a clock that
is minutes off. After every rule the judge looks at the lake.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from matinee import faults
from matinee.errors import CommitConflictError, DroppedError, InputsNotValidError, UsageError, WithdrawnError
from matinee.healing import healer
from matinee.healing.late import stale_days
from matinee.ledger.ledger import history
from matinee.ledger.model import PUBLICATION_ID, State
from matinee.ledger.recovery import recover
from matinee.ledger.withdrawal import withdraw
from matinee.maintenance import upkeep
from matinee.maintenance.leftovers import clean, leftovers
from matinee.publication import plan, steps
from matinee.publication.request import RunRequest
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity
from tests.support.judge import CHAIN, IMPRESSIONS, PLAYS
from tests.support.lakes import PLANNED, at, raw_impression, raw_play
from tests.support.world import DAYS, HOURS, World, clock, land_late, rearrange

MUCH_LATER = datetime(2100, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PROFILES = ("a", "b", "d")  # of the buckets 3, 7 and 1
KILLS = ("publish.before_move", "publish.after_move", "publish.after_published", "publish.after_tag")


class KilledError(BaseException):
    """What a fault point raises here in place of the end of the process."""


@dataclass
class Attempt:
    """A run between its steps."""

    dataset: str
    publication_id: str
    days: tuple[date, ...]
    audited: bool = False


#: Minutes by which the clock of a withdrawal, or of a run's plan, is off.
clocks = st.sampled_from((0, -5, 5))
datasets, days, slots = st.sampled_from(CHAIN), st.sampled_from(DAYS), st.sampled_from(("a", "b"))


class Interleavings(RuleBasedStateMachine):
    """A lake, what is in flight on it, and its judge."""

    def __init__(self, begun: World) -> None:
        super().__init__()
        self.settings, self.judge = begun.settings, begun.begin()
        self.attempts: dict[str, Attempt] = {}

    @property
    def lake(self) -> Lake:
        """The lake as a process that has just begun opens it."""
        return Lake.open(self.settings)

    @rule(
        dataset=st.sampled_from((IMPRESSIONS, PLAYS)),
        day=days,
        number=st.integers(1, 3),
        profile=st.sampled_from(PROFILES),
        hour=st.sampled_from(HOURS),
        sooner=st.integers(0, 2),
    )
    def land(self, dataset: str, day: date, number: int, profile: str, hour: timedelta, sooner: int) -> None:
        """One row lands late: new, a repeat that loses, or one that came sooner and wins."""
        received = {"profile_id": profile, "received_ts": PLANNED - sooner * MINUTE}
        if dataset == IMPRESSIONS:
            rows = [raw_impression(day, f"e{number}", event_ts=at(day, hour), **received)]
        else:
            rows = [raw_play(day, f"p{number}", start_ts=at(day, hour), duration_s=2.5, **received)]
        land_late(self.lake, self.judge, f"raw.{dataset.removeprefix('core.')}", rows)

    @rule(
        slot=slots,
        dataset=datasets,
        day=days,
        heal=st.booleans(),
        race=st.booleans(),
        beside=st.booleans(),
        off=clocks,
    )
    def write(
        self, slot: str, dataset: str, day: date, heal: bool, race: bool, beside: bool = False, off: int = 0
    ) -> None:
        """An attempt begins: a rerun of a day, or its healing; perhaps the other is published while it is planned.

        `beside` makes it an attempt of the other one's dataset.
        """
        self.attempts.pop(slot, None)
        if beside and _other(slot) in self.attempts:
            dataset = self.attempts[_other(slot)].dataset
        other = self._planned(lambda: self._publish(_other(slot)) if race else None)
        with other, clock(off), suppress(DroppedError, InputsNotValidError):
            report = steps.write(self.settings, RunRequest(dataset, day, day, attempt=slot, heal=heal))
            self.attempts[slot] = Attempt(dataset, report.publication_id or "", report.days)
            self.judge.begins(report.publication_id or "")

    @precondition(lambda self: self.attempts)
    @rule(slot=slots)
    def audit(self, slot: str) -> None:
        """What an attempt has written is audited."""
        attempt = self.attempts.get(slot) or self.attempts[_other(slot)]
        steps.audit(self.settings, attempt.dataset, attempt.publication_id)
        attempt.audited = True

    @rule(slot=slots, dataset=datasets, day=days, heal=st.booleans(), beside=st.booleans())
    def prepare(self, slot: str, dataset: str, day: date, heal: bool, beside: bool = False) -> None:
        """An attempt is written and audited in one go."""
        self.write(slot, dataset, day, heal=heal, race=False, beside=beside)
        if slot in self.attempts:
            self.audit(slot)

    @precondition(lambda self: self._is_audited("a") or self._is_audited("b"))
    @rule(
        slot=slots,
        killed_at=st.none() | st.sampled_from(KILLS),
        race=st.booleans(),
        withdrawn=st.booleans(),
        off=clocks,
    )
    def publish(self, slot: str, killed_at: str | None, race: bool, withdrawn: bool = False, off: int = 0) -> None:
        """What was audited is published; perhaps killed on the way.

        At the last moment the other attempt may be published, or an operator may withdraw what this one replaces.
        """
        slot = slot if self._is_audited(slot) else _other(slot)
        attempt = self.attempts[slot]
        meanwhile: dict[str, Callable[[], None]] = {}
        if withdrawn:
            meanwhile = {"publish.before_move": lambda: self.withdraw(attempt.dataset, attempt.days[0], off)}
        elif race:
            meanwhile = {"publish.before_move": lambda: self._publish(_other(slot))}
        with self._reached(meanwhile, killed_at):
            self._publish(slot)

    @rule(dataset=datasets, day=days, heal=st.booleans())
    def rerun(self, dataset: str, day: date, heal: bool) -> None:
        """A day is derived and published in one go, or healed."""
        with suppress(DroppedError, InputsNotValidError):
            steps.run(self.settings, RunRequest(dataset, day, day, heal=heal))

    @rule(again=st.booleans())
    def heal(self, again: bool) -> None:
        """All stale days are healed, in dependency order; before, withdrawn days are perhaps run again.

        Where nothing is stale or withdrawn any more, nothing that landed is missing anywhere.
        """
        for dataset, day in self._withdrawn() if again else ():
            with suppress(DroppedError, InputsNotValidError):
                steps.run(self.settings, RunRequest(dataset, day, day))
        healer.apply(self.settings)
        self.judge.look(self.lake)
        if not self._withdrawn() and not list(stale_days(self.lake)):
            self.judge.settled(self.lake, DAYS)

    @rule(dataset=datasets, day=days, off=clocks)
    def withdraw(self, dataset: str, day: date, off: int = 0) -> None:
        """An operator declares that a day is not to be trusted; runs of the day that have begun must not undo that."""
        newest = history(self.lake, dataset).newest(day)
        if newest is None or newest.state is State.WITHDRAWN:
            return
        self.judge.look(self.lake)  # What a publication has put there at this moment is withdrawn as well.
        with clock(off):
            withdraw(self.lake, newest, "a broken player")
        begun = (attempt for attempt in self.attempts.values() if attempt.dataset == dataset and day in attempt.days)
        self.judge.withdraw(dataset, day, {attempt.publication_id for attempt in begun})
        self.judge.look(self.lake)

    @rule(dataset=datasets, again=st.booleans())
    def set_back(self, dataset: str, again: bool) -> None:
        """An operator sets `main` back to what it was before its last publication; perhaps publishes its days again."""
        self.judge.look(self.lake)
        table = self.lake.table(dataset)
        line = [(head, summary) for head, summary in refs.summaries(table) if head in self.judge.seen[dataset]]
        published = next((number for number, (_, summary) in enumerate(line) if PUBLICATION_ID in summary), None)
        if published is None or published + 1 >= len(line):
            return
        target = line[published + 1][0]
        refs.move_branch(table, refs.MAIN, target, expected=refs.head(table))
        self.judge.moved_back(dataset, target)
        self.judge.look(self.lake)
        for day in sorted(self.judge.set_back[dataset]) if again else ():
            self.rerun(dataset, day, heal=False)

    @rule(dataset=datasets)
    def recover(self, dataset: str) -> None:
        """The ledger is updated to what the tables say."""
        recover(self.lake, dataset)
        self.judge.complete(self.lake, dataset)

    @rule(dataset=datasets, day=days, race=st.booleans())
    def compact(self, dataset: str, day: date, race: bool) -> None:
        """The files of a day are rearranged; perhaps an attempt is published before `main` is moved there."""
        main = refs.head(self.lake.table(dataset))
        rearrange(self.lake, dataset, day, "compact_test")
        for slot in list(self.attempts) if race else ():
            self._publish(slot)
        rearranged = refs.head(self.lake.table(dataset), "compact_test")
        with suppress(CommitConflictError):
            refs.publish_snapshot(self.lake.table(dataset), rearranged, expected=main)
        refs.remove(self.lake.table(dataset), "compact_test", expected=rearranged)

    # Of an attempt that was not audited yet the ledger knows nothing: what it read is kept for some days, not for ever.
    @precondition(lambda self: all(attempt.audited for attempt in self.attempts.values()))
    @rule(dataset=datasets | st.sampled_from(("raw.impressions", "raw.plays")))
    def expire(self, dataset: str) -> None:
        """Snapshots that nothing needs expire, as late as can be; branches stay, though by that clock all are dead."""
        # A step that is called again after its publication has expired finds nothing to report.
        reached = {identity for identity, _ in self.judge.published}
        self.attempts = {slot: begun for slot, begun in self.attempts.items() if begun.publication_id not in reached}
        upkeep.recover_all(self.settings)
        upkeep.expire_recovered(self.lake, dataset, MUCH_LATER)

    @precondition(lambda self: self.attempts)
    @rule()
    def clean(self) -> None:
        """Working branches are dropped, of attempts that are alive too."""
        for leftover in list(leftovers(self.lake)):
            clean(self.lake, leftover)
        self.attempts.clear()

    @invariant()
    def judged(self) -> None:
        """Readers see audited rows only, each once, and are told the truth about how far they go."""
        self.judge.look(self.lake)

    def _withdrawn(self) -> list[tuple[str, date]]:
        left = [(dataset, day) for dataset in CHAIN for day in DAYS if day >= self.judge.derivable(dataset)]
        newest = {(dataset, day): history(self.lake, dataset).newest(day) for dataset, day in left}
        return [key for key, latest in newest.items() if latest is not None and latest.state is State.WITHDRAWN]

    def _is_audited(self, slot: str) -> bool:
        return slot in self.attempts and self.attempts[slot].audited

    def _publish(self, slot: str) -> None:
        if not self._is_audited(slot):
            return
        attempt = self.attempts[slot]
        # An attempt that went stale is written again, and its inputs may not be valid by now; a day that was withdrawn
        # is a person's to publish; what was on `main` before that was set back is not put there again.
        try:
            steps.publish(self.settings, attempt.dataset, attempt.publication_id)
        except (DroppedError, InputsNotValidError, WithdrawnError):
            self.attempts.pop(slot, None)
        except UsageError as error:
            if "was set back since" not in error.message:
                raise
            self.attempts.pop(slot, None)
        self.judge.look(self.lake)

    @contextmanager
    def _planned(self, meanwhile: Callable[[], None]) -> Iterator[None]:
        """Do something else, once, between a run's looks at its inputs and at what is valid."""
        left = [meanwhile]

        def look(lake: Lake) -> Validity:
            if left:
                left.pop()()
            return Validity(lake)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan, "Validity", look)
            yield

    @contextmanager
    def _reached(self, meanwhile: dict[str, Callable[[], None]], killed_at: str | None) -> Iterator[None]:
        """Do something else, or die, where a fault point is reached; each once."""

        def reach(point: str) -> None:
            if point in meanwhile:
                meanwhile.pop(point)()
            if point == killed_at:
                raise KilledError(point)

        with pytest.MonkeyPatch.context() as patch, suppress(KilledError):
            patch.setattr(faults, "reach", reach)
            yield


def _other(slot: str) -> str:
    return "b" if slot == "a" else "a"
