"""A pin and a drop of the pinned days, in every order of their steps: a set is held completely or not at all.

The pin and the drop run in a thread each and take turns at the points between two of their steps.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, core_play, land, make_lake, pin, prepare, raw_play

from matinee import faults
from matinee.contracts.registry import Registry
from matinee.errors import CommitConflictError, MatineeError, SnapshotGoneError
from matinee.ledger.pinned_sets import PinnedSet, held, hold, missing
from matinee.ledger.recovery import recover
from matinee.maintenance import drops, pinning
from matinee.maintenance.drops import Drop, drop
from matinee.maintenance.retention import expire, plan_expiry
from matinee.publication.move import drop_branches, move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake

RAW, PLAYS = "raw.plays", "core.plays"
UNTIL = date(2099, 1, 1)
#: The clock of an upkeep that expires at once what the drop leaves: a pin may have paused for as long.
MUCH_LATER = datetime(2090, 1, 1, tzinfo=UTC)
#: The points between two steps at which the other may go on.
PIN_POINTS = ("pin.after_heads", "pin.after_record")
DROP_POINTS = ("drop.after_needs", "drop.after_commit", "expire.after_tags")
PIN, DROP = len(PIN_POINTS) + 1, len(DROP_POINTS) + 1


def orders() -> Iterator[object]:
    """Yield every order; orders in which the pin begins between the look and the commit of a drop are not slow."""
    for places in combinations(range(PIN + DROP), PIN):
        order = ["pin" if number in places else "drop" for number in range(PIN + DROP)]
        marks = [] if order[:2] == ["drop", "pin"] else [pytest.mark.slow]
        yield pytest.param(order, marks=marks, id="".join(name[0] for name in order))


@dataclass
class Turns:
    """The order of the turns; in its turn a thread goes on to its next point."""

    order: list[str]
    moved: threading.Condition = field(default_factory=threading.Condition)

    def wait(self) -> None:
        """Wait for the turn of this thread, or for the end of the order."""
        name = threading.current_thread().name
        with self.moved:
            assert self.moved.wait_for(lambda: not self.order or self.order[0] == name, timeout=60)

    def reach(self, point: str) -> None:
        """Give the turn away at the points that count."""
        if point in PIN_POINTS + DROP_POINTS:
            with self.moved:
                del self.order[:1]
                self.moved.notify_all()
            self.wait()

    def end(self) -> None:
        """Leave the order: a thread that failed or had nothing to do has not reached all its points."""
        name = threading.current_thread().name
        with self.moved:
            self.order = [other for other in self.order if other != name]
            self.moved.notify_all()


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Path]:
    """Three days of plays of which two are kept, and a copy of the lake's files."""
    folder = tmp_path_factory.mktemp("met")
    lake = make_lake(folder / "home")
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2, D3)])
    for day in (D1, D2, D3):
        pins = (replace(pin(lake, RAW, {day: 1}), landing_seq=1),)
        run = prepare(lake, PLAYS, day, [core_play(day, f"p{day.day}")], pins=pins)
        move_to_main(lake, run, lambda _: ())
        drop_branches(lake.table(PLAYS), run)
    recover(lake, PLAYS)
    shutil.copytree(folder / "home", folder / "kept")
    known = {contract.dataset: contract for contract in lake.registry.all()}
    kept = Registry(known | {PLAYS: replace(known[PLAYS], keep=timedelta(days=2))})
    return replace(lake, registry=kept), folder / "kept"


@pytest.fixture
def lake(begun: tuple[Lake, Path]) -> Lake:
    lake, kept = begun
    lake.catalog.engine.dispose()  # type: ignore[attr-defined]
    shutil.rmtree(lake.settings.home)
    shutil.copytree(kept, lake.settings.home)
    return lake


@pytest.fixture(params=orders())
def met(lake: Lake, request: pytest.FixtureRequest) -> tuple[PinnedSet | Exception, Drop]:
    """The results of a pin and of a drop that met; in the id `p` and `d` say whose turn it was."""
    work: dict[str, Callable[[], object]] = {
        "pin": lambda: pinning.pin(lake, [PLAYS], UNTIL, "model 7", "me", datetime.now(UTC)),
        "drop": lambda: _upkeep(lake),
    }
    results = _met(list(request.param), work)
    assert isinstance(results["drop"], Drop), results["drop"]
    return results["pin"], results["drop"]  # type: ignore[return-value]


def _upkeep(lake: Lake) -> Drop | None:
    dropped = drop(lake, PLAYS, MUCH_LATER)
    expire(lake, plan_expiry(lake, PLAYS, MUCH_LATER))
    return dropped


def _met(order: list[str], work: dict[str, Callable[[], object]]) -> dict[str, object]:
    turns, results = Turns(order), dict[str, object]()

    def run(name: str) -> None:
        turns.wait()
        try:
            results[name] = work[name]()
        except MatineeError as error:
            results[name] = error
        finally:
            turns.end()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "reach", turns.reach)
        for module, name, point in ((pinning, "hold", PIN_POINTS[0]), (drops, "drop_before", DROP_POINTS[0])):
            patch.setattr(module, name, _after(turns, point, getattr(module, name)))
        threads = [threading.Thread(target=run, args=(name,), name=name) for name in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


def _after(turns: Turns, point: str, step: Callable[..., object]) -> Callable[..., object]:
    def stepped(*arguments: object) -> object:
        turns.reach(point)
        return step(*arguments)

    return stepped


def rows(lake: Lake, pinned_set: PinnedSet) -> list[str]:
    scanned = lake.table(PLAYS).scan(snapshot_id=pinned_set.snapshots[PLAYS]).to_arrow()
    return sorted(scanned["play_id"].to_pylist())


def test_a_pin_that_meets_a_drop_is_whole_or_one_is_told_of_the_other(
    lake: Lake, met: tuple[PinnedSet | Exception, Drop]
) -> None:
    pinned, dropped = met
    if isinstance(pinned, SnapshotGoneError):
        assert "its days before 2026-03-02 were dropped" in str(pinned)
        assert (held(lake), dropped.days) == ([], 1)
        return
    assert isinstance(pinned, PinnedSet), pinned
    if not dropped.days:
        assert [need.who for need in dropped.needed] == [f"the pinned set {pinned.pin_id} of me (model 7)"]
    is_of_what_was_left = bool(dropped.days) and pinned.snapshots[PLAYS] == refs.head(lake.table(PLAYS))
    _upkeep(lake)
    assert (held(lake), missing(lake, pinned)) == ([pinned], [])
    assert rows(lake, pinned) == (["p2", "p3"] if is_of_what_was_left else ["p1", "p2", "p3"])


def test_a_set_whose_tag_loses_every_race_is_not_said_to_be_held(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object, **__: object) -> None:
        raise CommitConflictError("Others were first.", next_step="Again.")

    snapshots = {PLAYS: refs.head(lake.table(PLAYS))}
    with monkeypatch.context() as patch:
        patch.setattr(refs, "put_tag", lose)
        with pytest.raises(CommitConflictError):
            hold(lake, snapshots, UNTIL, "model 7", "me")
    again = hold(lake, snapshots, UNTIL, "model 7", "me")
    assert (held(lake), missing(lake, again)) == ([again], [])
