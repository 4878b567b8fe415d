"""Interleavings of landing, rerun, heal, withdrawal, compaction, expiry and recovery, with two attempts in flight.

The rules stand in tests/support/interleavings.py, the judge in tests/support/judge.py. Protocols that are broken on
purpose show that the judge notices (test_broken_protocols.py).
"""

from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test
from tests.support.interleavings import Interleavings
from tests.support.judge import ATTRIBUTIONS, IMPRESSIONS, OUTCOMES, PLAYS
from tests.support.lakes import D1, D2
from tests.support.world import HOURS, World, world

from matinee.validity.validity import Validity

EARLY, MIDDLE, _ = HOURS


def effort(examples: int, count: int, *phases: Phase) -> hypothesis.settings:
    """Return how long the machine runs: examples with `count` rules each, always the same examples."""
    return hypothesis.settings(
        max_examples=examples,
        stateful_step_count=count,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        phases=phases or (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("interleavings")) as initial_world:
        yield initial_world


@pytest.fixture
def machine(begun: World) -> Interleavings:
    return Interleavings(begun)


def test_whatever_is_interleaved_readers_see_audited_rows_once(begun: World) -> None:
    run_state_machine_as_test(lambda: Interleavings(begun), settings=effort(2, 8))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_long_time_of_interleavings_finds_nothing(begun: World) -> None:
    run_state_machine_as_test(lambda: Interleavings(begun), settings=effort(25, 25, Phase.generate, Phase.shrink))


def test_the_second_of_two_heals_of_a_day_begins_from_the_first(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 3, "b", MIDDLE, 0)
    machine.prepare("a", IMPRESSIONS, D1, heal=True)
    machine.land(IMPRESSIONS, D1, 3, "d", MIDDLE, 1)
    machine.prepare("b", IMPRESSIONS, D1, heal=True)
    machine.publish("a", None, race=False)
    machine.publish("b", None, race=False)
    machine.judged()


@pytest.mark.slow
def test_a_heal_that_changed_nothing_is_a_publication_to_others(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 1, "a", EARLY, 0)
    machine.prepare("a", IMPRESSIONS, D1, heal=True)
    machine.land(IMPRESSIONS, D1, 3, "a", MIDDLE, 0)
    machine.prepare("b", IMPRESSIONS, D1, heal=True)
    machine.publish("a", None, race=False)
    machine.rerun(ATTRIBUTIONS, D1, heal=True)
    machine.publish("b", None, race=False)
    machine.judged()


@pytest.mark.slow
def test_an_input_that_is_published_meanwhile_is_read_as_it_is_pinned(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 3, "a", MIDDLE, 0)
    machine.prepare("a", IMPRESSIONS, D1, heal=True)
    machine.write("b", ATTRIBUTIONS, D1, heal=False, race=True)
    machine.audit("b")
    machine.publish("b", None, race=False)
    machine.judged()


@pytest.mark.parametrize("off", [0, -5, 5])
def test_a_day_withdrawn_while_its_run_waits_stays_withdrawn(machine: Interleavings, off: int) -> None:
    machine.prepare("a", PLAYS, D1, heal=False)
    machine.withdraw(PLAYS, D1, off)
    machine.publish("a", None, race=False)
    machine.judged()
    assert not Validity(machine.lake).status(ATTRIBUTIONS, D1).valid


def test_a_day_withdrawn_at_the_last_moment_of_a_replay_stays_withdrawn(machine: Interleavings) -> None:
    machine.land(PLAYS, D1, 3, "a", MIDDLE, 0)
    machine.prepare("a", PLAYS, D1, heal=False)
    machine.rerun(PLAYS, D2, heal=False)
    machine.publish("a", None, race=False, withdrawn=True)
    machine.judged()


def test_a_run_that_began_after_a_withdrawal_publishes_the_day_again(machine: Interleavings) -> None:
    machine.withdraw(PLAYS, D1, 5)
    machine.prepare("a", PLAYS, D1, heal=False)
    machine.publish("a", None, race=False)
    machine.judged()
    assert Validity(machine.lake).status(PLAYS, D1).valid


@pytest.mark.slow
def test_main_that_was_set_back_keeps_or_raises_its_generation(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 1, "a", EARLY, 2)
    machine.rerun(IMPRESSIONS, D1, heal=False)
    machine.set_back(IMPRESSIONS, again=False)
    machine.judged()
    machine.rerun(IMPRESSIONS, D1, heal=False)
    machine.judged()
    assert Validity(machine.lake).status(IMPRESSIONS, D1).valid


@pytest.mark.slow
def test_a_day_whose_input_was_set_back_waits_for_a_person(machine: Interleavings) -> None:
    machine.rerun(IMPRESSIONS, D1, heal=False)
    machine.rerun(OUTCOMES, D2, heal=True)
    machine.heal(again=True)
    machine.rerun(OUTCOMES, D1, heal=False)
    machine.heal(again=False)
    machine.set_back(ATTRIBUTIONS, again=False)
    machine.rerun(IMPRESSIONS, D2, heal=True)
    machine.heal(again=False)
    machine.judged()
    assert not Validity(machine.lake).status(OUTCOMES, D1).valid
