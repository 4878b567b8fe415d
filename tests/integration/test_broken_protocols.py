"""Protocols that are broken on purpose: each is caught by a few rules of the interleavings, in order.

They prove that every invariant can fail.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest
from pyiceberg.table import Table
from tests.support import interleavings
from tests.support.interleavings import Interleavings
from tests.support.judge import ATTRIBUTIONS, IMPRESSIONS, OUTCOMES, PLAYS
from tests.support.lakes import D1, D2, PLANNED
from tests.support.world import HOURS, World, world

from matinee.contracts.model import Contract, InputSpec
from matinee.ledger.ledger import History, history, record
from matinee.ledger.model import Buckets, InputPin, Publication, Run, State, Withdrawal
from matinee.publication import changed_buckets, move, steps
from matinee.publication import record as recording
from matinee.publication.move import Published, move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity import outside

EARLY, MIDDLE, _ = HOURS


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("interleavings")) as initial_world:
        yield initial_world


@pytest.fixture
def machine(begun: World) -> Interleavings:
    return Interleavings(begun)


def swap_without_requirement(patch: pytest.MonkeyPatch) -> None:
    """`main` is moved whatever its head is at that moment."""

    def swap(table: Table, snapshot_id: int, *, expected: int) -> Table:
        return refs.move_branch(table.refresh(), refs.MAIN, snapshot_id, expected=refs.head(table))

    patch.setattr(refs, "publish_snapshot", swap)


def ledger_first(patch: pytest.MonkeyPatch) -> None:
    """PUBLISHED is recorded before `main` moves."""

    def move(lake: Lake, run: Run, audit_again: Callable[..., object], look: History) -> Published:
        entries = history(lake, run.dataset).find(run.publication_id)
        record(
            lake,
            [replace(entry, state=State.PUBLISHED, head_snapshot_id=entry.audited_snapshot_id) for entry in entries],
        )
        return move_to_main(lake, run, audit_again, look)  # type: ignore[arg-type]

    patch.setattr(steps, "move_to_main", move)


def restated_in_silence(patch: pytest.MonkeyPatch) -> None:
    """A healed day keeps its generation, so days built on the old rows count as built on the new rows."""

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


def withdrawn_in_the_ledger_alone(patch: pytest.MonkeyPatch) -> None:
    """A withdrawal is a ledger row only, which no publication in flight has to notice."""

    def note(lake: Lake, publication: Publication, reason: str) -> None:
        word = Withdrawal(publication.publication_id, publication.day, publication.generation + 1, reason)
        record(lake, [word.record(replace(publication, recorded_ts=PLANNED))])

    patch.setattr(interleavings, "withdraw", note)
    patch.setattr(move, "_refuse_withdrawn", lambda *_: None)


def generations_fall(patch: pytest.MonkeyPatch) -> None:
    """The generation of a day is computed without its earlier generations."""
    patch.setattr(recording, "generation", lambda *_, **__: 0)


def counted_and_not_looked_up(patch: pytest.MonkeyPatch) -> None:
    """A published day is trusted where `main` has as many rows of it, whoever wrote them."""
    patch.setattr(outside, "_set_back", lambda *_: set())


BROKEN = (
    swap_without_requirement,
    ledger_first,
    restated_in_silence,
    heal_without_reaching_back,
    withdrawn_in_the_ledger_alone,
    generations_fall,
    counted_and_not_looked_up,
)


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


def a_day_is_withdrawn_while_its_run_waits(machine: Interleavings) -> None:
    machine.prepare("a", PLAYS, D1, heal=False)
    machine.withdraw(PLAYS, D1)
    machine.publish("a", None, race=False)


def a_day_is_published_again(machine: Interleavings) -> None:
    machine.rerun(PLAYS, D1, heal=False)


def main_is_set_back_to_as_many_rows(machine: Interleavings) -> None:
    machine.land(IMPRESSIONS, D1, 1, "a", EARLY, 2)
    machine.rerun(IMPRESSIONS, D1, heal=False)
    machine.set_back(IMPRESSIONS, again=False)


RULES = (
    two_attempts_meet,
    a_publication_dies_before_main_moves,
    a_late_impression_takes_a_play,
    a_late_impression_takes_a_play_from_the_day_before,
    a_day_is_withdrawn_while_its_run_waits,
    a_day_is_published_again,
    main_is_set_back_to_as_many_rows,
)
WORDS = (
    "publications are lost",
    "main never held it",
    "is valid, but its inputs now make",
    "readers of .* see",
    "was withdrawn, and undoes that",
    "the generation of .* fell",
    "main was set back",
)
CAUGHT = [
    pytest.param(*caught, id=caught[0].__name__, marks=[pytest.mark.slow] if number else [])
    for number, caught in enumerate(zip(BROKEN, RULES, WORDS, strict=True))
]


@pytest.mark.parametrize(("broken", "rules", "words"), CAUGHT)
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
