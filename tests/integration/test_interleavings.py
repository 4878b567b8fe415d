"""Interleavings of landing, rerun, heal, withdrawal, compaction, expiry and recovery, with two attempts in flight.

The rules stand in tests/interleavings.py, the judge in tests/judge.py. That they would notice is shown by protocols
that are broken on purpose: each is caught by a few of the machine's rules in order.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test
from pyiceberg.table import Table
from tests.interleavings import Interleavings
from tests.judge import ATTRIBUTIONS, IMPRESSIONS, OUTCOMES, PLAYS
from tests.lakes import D1, D2
from tests.world import HOURS, World, world

from matinee.contracts.model import Contract, InputSpec
from matinee.ledger.ledger import History, history, record
from matinee.ledger.model import Buckets, InputPin, Run, State
from matinee.publication import changed_buckets, steps
from matinee.publication import record as recording
from matinee.publication.move import Published, move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake

EARLY, MIDDLE, _ = HOURS


def effort(examples: int, count: int, *phases: Phase) -> hypothesis.settings:
    """How long the machine runs: examples, each of so many rules; always the same ones."""
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
    with world(tmp_path_factory.mktemp("interleavings")) as found:
        yield found


@pytest.fixture
def machine(begun: World) -> Interleavings:
    return Interleavings(begun)


def test_whatever_is_interleaved_readers_see_audited_rows_once_and_vtts_is_true(begun: World) -> None:
    run_state_machine_as_test(lambda: Interleavings(begun), settings=effort(2, 8))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_long_time_of_interleavings_finds_nothing(begun: World) -> None:
    run_state_machine_as_test(lambda: Interleavings(begun), settings=effort(25, 25, Phase.generate, Phase.shrink))


def test_of_two_heals_of_a_day_the_second_begins_from_the_first_whatever_their_buckets(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 3, "b", MIDDLE, 0)
    attempt(machine, "a", IMPRESSIONS, D1)
    machine.land(IMPRESSIONS, D1, 3, "d", MIDDLE, 1)
    attempt(machine, "b", IMPRESSIONS, D1)
    machine.publish("a", None, race=False)
    machine.publish("b", None, race=False)
    machine.judged()


def test_a_heal_that_changed_nothing_is_a_publication_that_others_have_to_know_of(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 1, "a", EARLY, 0)
    attempt(machine, "a", IMPRESSIONS, D1)
    machine.land(IMPRESSIONS, D1, 3, "a", MIDDLE, 0)
    attempt(machine, "b", IMPRESSIONS, D1)
    machine.publish("a", None, race=False)
    machine.rerun(ATTRIBUTIONS, D1, heal=True)
    machine.publish("b", None, race=False)
    machine.judged()


def test_an_input_that_is_published_while_a_run_looks_at_it_is_read_as_it_is_pinned(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 3, "a", MIDDLE, 0)
    attempt(machine, "a", IMPRESSIONS, D1)
    machine.write("b", ATTRIBUTIONS, D1, heal=False, race=True)
    machine.audit("b")
    machine.publish("b", None, race=False)
    machine.judged()


def attempt(machine: Interleavings, slot: str, dataset: str, day: date) -> None:
    machine.write(slot, dataset, day, heal=True, race=False)
    machine.audit(slot)


def swap_without_requirement(patch: pytest.MonkeyPatch) -> None:
    """`main` is moved wherever it is by then."""

    def swap(table: Table, snapshot_id: int, *, expected: int) -> Table:
        return refs.move_branch(table.refresh(), refs.MAIN, snapshot_id, expected=refs.head(table))

    patch.setattr(refs, "publish_snapshot", swap)


def ledger_first(patch: pytest.MonkeyPatch) -> None:
    """PUBLISHED is recorded before `main` moves."""

    def move(lake: Lake, run: Run, audit_again: Callable[..., object]) -> Published:
        found = history(lake, run.dataset).find(run.publication_id)
        record(lake, [replace(one, state=State.PUBLISHED, head_snapshot_id=one.audited_snapshot_id) for one in found])
        return move_to_main(lake, run, audit_again)  # type: ignore[arg-type]

    patch.setattr(steps, "move_to_main", move)


def restated_in_silence(patch: pytest.MonkeyPatch) -> None:
    """A healed day keeps its generation: what is built on it counts as built on what is there now."""

    def generation(contract: Contract, published: History, run: Run, day: date, **_: object) -> int:
        newest = published.newest(day)
        return newest.generation if newest else 1

    patch.setattr(recording, "generation", generation)


def heal_without_reaching_back(patch: pytest.MonkeyPatch) -> None:
    """A day of impressions is healed by the plays of the same day alone."""
    right = changed_buckets._republished

    def own_day(history: History, contract: Contract, spec: InputSpec, day: date, *pins: InputPin) -> Buckets:
        before, after = (replace(pin, days={day: pin.days[day]}) for pin in pins)
        return right(history, contract, spec, day, before, after)

    patch.setattr(changed_buckets, "_republished", own_day)


BROKEN = (swap_without_requirement, ledger_first, restated_in_silence, heal_without_reaching_back)


def two_attempts_meet(machine: Interleavings) -> None:
    for slot, day in (("a", D1), ("b", D2)):
        machine.write(slot, PLAYS, day, heal=False, race=False)
        machine.audit(slot)
    machine.publish("a", None, race=True)


def a_publication_dies_before_main_moves(machine: Interleavings) -> None:
    machine.write("a", PLAYS, D1, heal=False, race=False)
    machine.audit("a")
    machine.publish("a", "publish.before_move", race=False)


def a_late_impression_takes_a_play(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 3, "a", MIDDLE, 0)
    machine.rerun(IMPRESSIONS, D1, heal=True)


def a_late_impression_takes_a_play_from_the_day_before(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D2, 3, "b", EARLY, 0)
    for dataset, day in ((IMPRESSIONS, D2), (ATTRIBUTIONS, D2), (OUTCOMES, D1)):
        machine.rerun(dataset, day, heal=True)


RULES = (
    two_attempts_meet,
    a_publication_dies_before_main_moves,
    a_late_impression_takes_a_play,
    a_late_impression_takes_a_play_from_the_day_before,
)
WORDS = ("publications are lost", "main never held it", "is valid, but its inputs now make", "readers of .* see")
CAUGHT = tuple(zip(BROKEN, RULES, WORDS, strict=True))


@pytest.mark.parametrize(("broken", "rules", "words"), CAUGHT, ids=[broken.__name__ for broken, *_ in CAUGHT])
def test_a_broken_protocol_is_caught(
    machine: Interleavings,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[pytest.MonkeyPatch], None],
    rules: Callable[[Interleavings], None],
    words: str,
) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError, match=words):
        follow(machine, rules)


@pytest.mark.slow
@pytest.mark.parametrize("rules", RULES)
def test_what_catches_a_broken_protocol_passes_with_the_right_one(
    machine: Interleavings, rules: Callable[[Interleavings], None]
) -> None:
    follow(machine, rules)


def follow(machine: Interleavings, rules: Callable[[Interleavings], None]) -> None:
    rules(machine)
    machine.judged()
