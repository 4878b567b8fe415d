"""Interleavings with drops: kept days keep their rows, dropped days are not required, pinned days stay."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from hypothesis import Phase
from hypothesis.stateful import run_state_machine_as_test
from tests.integration.test_interleavings import effort
from tests.support.interleaved_drops import InterleavedDrops
from tests.support.judge import CHAIN, PLAYS
from tests.support.lakes import D1, D2
from tests.support.world import HOURS, World, world

from matinee.ledger import ledger
from matinee.maintenance import drops
from matinee.publication import move
from matinee.validity import look

_, MIDDLE, _ = HOURS


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("interleaved_drops")) as initial_world:
        yield initial_world


@pytest.fixture
def machine(begun: World) -> InterleavedDrops:
    return InterleavedDrops(begun)


def days_dropped(machine: InterleavedDrops, dataset: str, race: str | None = None) -> int:
    machine.drop(dataset, race)
    assert machine.last_drop is not None
    return machine.last_drop.days


def test_whatever_is_interleaved_with_drops_readers_are_told_the_truth(begun: World) -> None:
    run_state_machine_as_test(lambda: InterleavedDrops(begun), settings=effort(2, 8))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_long_time_of_interleavings_with_drops_finds_nothing(begun: World) -> None:
    run_state_machine_as_test(lambda: InterleavedDrops(begun), settings=effort(25, 25, Phase.generate, Phase.shrink))


@pytest.mark.slow
def test_every_dataset_drops_its_day_and_nothing_is_left_to_heal(machine: InterleavedDrops) -> None:
    assert [days_dropped(machine, dataset) for dataset in (*reversed(CHAIN), "raw.plays", "raw.impressions")] == [1] * 6
    machine.heal(again=True)
    machine.judged()


def test_a_pin_at_the_last_moment_of_a_drop_is_whole_whatever_expires(machine: InterleavedDrops) -> None:
    assert days_dropped(machine, PLAYS, "pin") == 1
    machine.expire(PLAYS)
    machine.pinned_is_whole()
    [pinned] = machine.sets
    assert [*machine.judge.seen[PLAYS][pinned.snapshots[PLAYS]]] == [D1, D2]


def test_a_pin_before_a_drop_stops_it_until_the_pin_ends(machine: InterleavedDrops) -> None:
    machine.pin(PLAYS)
    assert days_dropped(machine, PLAYS) == 0
    machine.end()
    assert days_dropped(machine, PLAYS) == 1


def test_what_was_pinned_outlives_the_drop_that_follows_its_heal(machine: InterleavedDrops) -> None:
    machine.pin(PLAYS)
    machine.land(PLAYS, D2, 3, "a", MIDDLE, 0)
    machine.rerun(PLAYS, D2, heal=True)
    assert days_dropped(machine, PLAYS) == 0
    machine.expire(PLAYS)
    machine.pinned_is_whole()


@pytest.mark.slow
def test_a_row_that_lands_late_in_a_dropped_day_is_no_work_for_the_healer(machine: InterleavedDrops) -> None:
    days_dropped(machine, PLAYS)
    machine.land(PLAYS, D1, 3, "a", MIDDLE, 0)
    machine.no_heal_of_what_was_dropped()
    machine.heal(again=True)
    machine.judged()


@pytest.mark.slow
def test_a_publication_at_the_last_moment_of_a_drop_is_met(machine: InterleavedDrops) -> None:
    machine.land(PLAYS, D2, 3, "a", MIDDLE, 0)
    machine.prepare("a", PLAYS, D2, heal=True)
    assert days_dropped(machine, PLAYS, "publish") == 1
    machine.judged()


@pytest.mark.slow
def test_main_that_was_set_back_behind_a_drop_is_dropped_again(machine: InterleavedDrops) -> None:
    machine.rerun(PLAYS, D2, heal=False)
    assert days_dropped(machine, PLAYS) == 1
    machine.set_back(PLAYS, again=True)
    machine.drop(PLAYS)
    machine.judged()


# --- drops that are broken on purpose: every invariant can fail -------------------------------------------------------


def nobody_is_asked(patch: pytest.MonkeyPatch) -> None:
    """Days are dropped even where somebody needs them."""
    patch.setattr(drops, "needs", lambda *_: ())


def where_a_dataset_begins_is_not_read(patch: pytest.MonkeyPatch) -> None:
    """The first day that is left, as the drop records it, is ignored."""
    patch.setattr(ledger, "begin_of", lambda _: None)


def dropped_days_are_run_again(patch: pytest.MonkeyPatch) -> None:
    """A run of a dropped day is planned and published."""
    patch.setattr(look.Look, "require_derivable", lambda *_: date.min)
    patch.setattr(move, "_refuse_dropped", lambda *_: None)


def dropped_days_are_stale(patch: pytest.MonkeyPatch) -> None:
    """Rows that land late in a dropped day make the day stale."""
    patch.setattr(look.Look, "derivable_from", lambda *_: date.min)


def pin_and_drop(machine: InterleavedDrops) -> None:
    machine.pin(PLAYS)
    machine.drop(PLAYS)


def drop_and_rerun(machine: InterleavedDrops) -> None:
    machine.drop(PLAYS)
    machine.rerun(PLAYS, D1, heal=False)
    machine.judged()


def drop_and_land(machine: InterleavedDrops) -> None:
    machine.drop(PLAYS)
    machine.land(PLAYS, D1, 3, "a", MIDDLE, 0)
    machine.no_heal_of_what_was_dropped()


_CAUGHT = (
    (nobody_is_asked, pin_and_drop, "had pinned days that were dropped"),
    (where_a_dataset_begins_is_not_read, drop_and_rerun, "is not owed from"),
    (dropped_days_are_run_again, drop_and_rerun, "brings back core.plays 2026-03-01"),
    (dropped_days_are_stale, drop_and_land, "is to be healed, and reads a dropped day"),
)
CAUGHT = [
    pytest.param(*caught, id=caught[0].__name__, marks=[pytest.mark.slow] if number else [])
    for number, caught in enumerate(_CAUGHT)
]


@pytest.mark.parametrize(("broken", "rules", "words"), CAUGHT)
def test_a_broken_drop_is_caught(
    machine: InterleavedDrops,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[pytest.MonkeyPatch], None],
    rules: Callable[[InterleavedDrops], None],
    words: str,
) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError, match=words):
        rules(machine)
