"""Interleavings with drops: every dataset keeps one day, and somebody may pin what is to be dropped."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.days import start_of
from matinee.errors import InputsNotValidError
from matinee.healing.late import stale_days
from matinee.ledger.pinned_sets import PinnedSet, missing
from matinee.maintenance import drops, pinning, upkeep
from matinee.maintenance.drops import Drop
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity
from tests.support.interleavings import Interleavings, datasets
from tests.support.judge import CHAIN, RAW
from tests.support.reference import Row
from tests.support.world import World

KEEP = timedelta(days=1)
UNTIL = date(2199, 1, 1)
raw_datasets = st.sampled_from(tuple(RAW.values()))
races = st.sampled_from((None, "pin", "publish"))


class InterleavedDrops(Interleavings):
    """A lake, what is in flight on it, what is pinned of it, and its judge."""

    def __init__(self, begun: World) -> None:
        super().__init__(begun)
        self.sets: list[PinnedSet] = []
        self.last_drop: Drop | None = None

    @property
    def lake(self) -> Lake:
        """The lake as a process that has just begun opens it, by contracts that keep one day."""
        lake = super().lake
        return replace(
            lake, registry=Registry({contract.dataset: _keeping(contract) for contract in lake.registry.all()})
        )

    @rule(dataset=datasets | raw_datasets, race=races)
    def drop(self, dataset: str, race: str | None = None) -> None:
        """Days that `keep` ends are dropped; at the last moment somebody may pin them, or attempts are published."""
        upkeep.recover_all(self.settings)
        before, known = {name: Validity(self.lake).vtts(name).vtts for name in CHAIN}, list(self.sets)
        meanwhile = {"pin": lambda: self.pin(dataset), "publish": self._publish_all}
        with self._committing(meanwhile[race] if race else lambda: None):
            dropped = drops.drop(self.lake, dataset, datetime.now(UTC))
        if dropped and dropped.moves:
            self._was_free(dataset, dropped, known)
            if dataset not in CHAIN:
                self._keeps_what_landed(dataset, dropped.before)
        self.judge.look(self.lake)
        self._counts_from_what_is_left({} if race else before)
        self.no_heal_of_what_was_dropped()
        self.last_drop = dropped

    @rule(dataset=datasets)
    def pin(self, dataset: str) -> None:
        """Somebody pins what a dataset is now."""
        if dataset not in CHAIN:
            return
        self.judge.look(self.lake)
        with suppress(InputsNotValidError):
            pinned = pinning.pin(self.lake, [dataset], UNTIL, "model 7", "me", datetime.now(UTC))
            self.sets = [*(other for other in self.sets if other != pinned), pinned]

    @precondition(lambda self: self.sets)
    @rule()
    def end(self) -> None:
        """The oldest pinned set ends."""
        pinning.end(self.lake, self.sets.pop(0).pin_id)

    @invariant()
    def pinned_is_whole(self) -> None:
        """Each pinned set is held, and has the rows that it had when it was pinned."""
        lake = self.lake
        for pinned in self.sets:
            assert missing(lake, pinned) == []
            for dataset, snapshot_id in pinned.snapshots.items():
                rows = lake.table(dataset).scan(snapshot_id=snapshot_id).to_arrow().to_pylist()
                wanted = [row for day in self.judge.seen[dataset][snapshot_id].values() for row in day.rows]
                assert _lines(rows) == _lines(wanted), f"the pinned set {pinned.pin_id} lost rows of {dataset}"

    def no_heal_of_what_was_dropped(self) -> None:
        """No day that reads a dropped day is to be healed."""
        for stale_day in stale_days(self.lake):
            first = self.judge.derivable(stale_day.dataset, from_landed=False)
            assert stale_day.day >= first, (
                f"{stale_day.dataset} {stale_day.day} is to be healed, and reads a dropped day"
            )

    def _counts_from_what_is_left(self, before: Mapping[str, datetime | None]) -> None:
        """No dropped day is required, nor a day that is made of one; the VTTS of other datasets does not fall."""
        validity = Validity(self.lake)
        for name in CHAIN:
            first, now, was = self.judge.derivable(name), validity.vtts(name).vtts, before.get(name)
            assert validity.owed_from(name) == first, f"{name} is not owed from {first} on"
            assert not was or was <= start_of(first) or (now and now >= was), f"VTTS of {name} fell by a drop"

    def _was_free(self, dataset: str, dropped: Drop, known: list[PinnedSet]) -> None:
        """Nobody had pinned the days that went, and who has pinned others is named."""
        for pinned in known:
            days = self.judge.seen[dataset][pinned.snapshots[dataset]] if dataset in pinned.snapshots else {}
            needed = [day for day in days if day < dropped.first]
            assert not needed or dropped.before <= min(needed), f"{pinned.pin_id} had pinned days that were dropped"
            assert not needed or any(pinned.pin_id in need.who for need in dropped.needed), (
                f"{pinned.pin_id} is not named"
            )

    def _keeps_what_landed(self, dataset: str, before: date) -> None:
        self.judge.first_left[dataset] = before
        rows = self.lake.table(dataset).scan().to_arrow().to_pylist()
        left = [row for row in self.judge.landed[dataset] if row["event_day"] >= before]
        assert _lines(rows) == _lines(left), f"{dataset} lost other rows than those before {before}"

    def _publish_all(self) -> None:
        for slot in list(self.attempts):
            self._publish(slot)

    @contextmanager
    def _committing(self, meanwhile: Callable[[], None]) -> Iterator[None]:
        """Do something else, once, between a drop's look at who needs the days and its commit."""
        drop_before, left = drops.drop_before, [meanwhile]

        def late(*arguments: object) -> None:
            if left:
                left.pop()()
            drop_before(*arguments)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drops, "drop_before", late)
            yield


def _lines(rows: Iterable[Row]) -> list[str]:
    """Return rows such that they can be compared, whatever repeats itself in them."""
    return sorted(str([(name, str(value)) for name, value in sorted(row.items())]) for row in rows)


def _keeping(contract: Contract) -> Contract:
    return replace(contract, keep=KEEP) if contract.dataset in (*CHAIN, *RAW.values()) else contract
