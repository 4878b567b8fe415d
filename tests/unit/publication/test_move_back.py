"""Publishing after a withdrawal, or after `main` was set back: a run does not undo what came after it began."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, core_play, land, make_lake, pin, prepare, raw_play
from tests.unit.publication.test_move import newest, nothing_to_audit, publish

from matinee.errors import StaleInputsError, UsageError, WithdrawnError
from matinee.ledger.ledger import noted_after, record
from matinee.ledger.model import State
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def test_a_withdrawal_after_the_run_began_is_not_undone_by_it(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "old")]))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "new")], generation=2)
    withdraw(lake, newest(lake, PLAYS, D1), "doubled starts")
    with pytest.raises(WithdrawnError, match="was withdrawn after this run began \\(doubled starts\\)"):
        move_to_main(lake, ours, nothing_to_audit)
    assert (newest(lake, PLAYS, D1).state, newest(lake, PLAYS, D1).generation) == (State.WITHDRAWN, 2)


def test_a_withdrawal_of_another_day_is_replayed_over(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "theirs")]))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    withdraw(lake, newest(lake, PLAYS, D2), "doubled starts")
    assert move_to_main(lake, ours, nothing_to_audit).replayed


@pytest.mark.parametrize("point", ["publish.after_replay", "publish.before_move"])
def test_a_withdrawal_between_any_two_steps_of_a_publish_ends_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    from matinee.publication import move as module

    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "old")], generation=1))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "new")], generation=1)
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "theirs")]))

    def race(reached: str) -> None:
        if reached == point:
            withdraw(lake, newest(lake, PLAYS, D1), "doubled starts")

    monkeypatch.setattr(module.faults, "reach", race)
    with pytest.raises(WithdrawnError):
        move_to_main(lake, ours, nothing_to_audit)
    assert (newest(lake, PLAYS, D1).state, newest(lake, PLAYS, D1).generation) == (State.WITHDRAWN, 2)


def test_a_withdrawal_is_not_undone_where_main_was_set_back_behind_it(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "old")], generation=1))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "new")], generation=1)
    before = refs.head(lake.table(PLAYS))
    withdraw(lake, newest(lake, PLAYS, D1), "doubled starts")
    refs.move_branch(lake.table(PLAYS), refs.MAIN, before, expected=refs.head(lake.table(PLAYS)))
    with pytest.raises(WithdrawnError):
        move_to_main(lake, ours, nothing_to_audit)


def test_a_change_older_than_what_main_was_set_back_from_is_refused(lake: Lake) -> None:
    first = prepare(lake, PLAYS, D1, [core_play(D1, "first")])
    publish(lake, first)
    base = refs.head(lake.table(PLAYS))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "theirs")]))
    refs.move_branch(lake.table(PLAYS), refs.MAIN, base, expected=refs.head(lake.table(PLAYS)))
    with pytest.raises(StaleInputsError):
        move_to_main(lake, ours, nothing_to_audit)


def test_what_was_published_and_set_back_is_not_published_by_a_retry(lake: Lake) -> None:
    base = refs.head(lake.ensure(PLAYS))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    publish(lake, ours)
    refs.move_branch(lake.table(PLAYS), refs.MAIN, base, expected=refs.head(lake.table(PLAYS)))
    with pytest.raises(UsageError, match="was set back since"):
        move_to_main(lake, ours, nothing_to_audit)


def test_a_restatement_does_not_undo_a_withdrawal_that_only_the_ledger_has(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "old")], generation=1))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "new")], generation=2)
    old = newest(lake, PLAYS, D1)
    reason = {"state": State.WITHDRAWN, "generation": 2, "reason": "doubled starts"}
    record(lake, [replace(old, recorded_ts=noted_after([old]), **reason)])  # As older versions withdrew a day.
    with pytest.raises(WithdrawnError):
        move_to_main(lake, ours, nothing_to_audit)


def test_what_an_input_held_before_it_was_set_back_is_no_newer_input(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1)])
    older = pin(lake, "raw.plays", {D1: 1})
    land(lake, "raw.plays", [raw_play(D1, "p2")], seq=2)
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1)], pins=(pin(lake, "raw.plays", {D1: 2}),)))
    refs.move_branch(lake.table("raw.plays"), refs.MAIN, older.snapshot_id, expected=refs.head(lake.table("raw.plays")))
    run = prepare(lake, PLAYS, D1, [core_play(D1, "again")], pins=(pin(lake, "raw.plays", {D1: 1}),))
    assert move_to_main(lake, run, nothing_to_audit).snapshot_id == refs.head(lake.table(PLAYS))
