"""A withdrawal is committed to `main` first and recorded in the ledger then; clocks do not decide its order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, core_play, make_lake, prepare

from matinee.errors import CommitConflictError
from matinee.ledger import withdrawal as module
from matinee.ledger.ledger import history, recorded
from matinee.ledger.model import Publication, State
from matinee.ledger.recovery import recover
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    publish(lake, "first")
    return lake


def publish(lake: Lake, play_id: str, generation: int = 1) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1, play_id)], generation=generation)
    move_to_main(lake, run, lambda _: ())
    recover(lake, PLAYS)


def newest(lake: Lake) -> Publication:
    publication = history(lake, PLAYS).newest(D1)
    assert publication is not None
    return publication


def test_a_withdrawal_leaves_the_rows_and_raises_the_generation(lake: Lake) -> None:
    before = refs.head(lake.table(PLAYS))
    withdraw(lake, newest(lake), "doubled starts")
    assert (newest(lake).state, newest(lake).generation, newest(lake).reason) == (State.WITHDRAWN, 2, "doubled starts")
    assert lake.table(PLAYS).current_snapshot().parent_snapshot_id == before  # type: ignore[union-attr]
    assert lake.table(PLAYS).scan().to_arrow()["play_id"].to_pylist() == ["first"]


def test_a_withdrawal_stands_in_the_ledger_too(lake: Lake) -> None:
    withdraw(lake, newest(lake), "doubled starts")
    [row] = recorded(lake, PLAYS).values()
    assert (row.state, row.generation, row.reason) == (State.WITHDRAWN, 2, "doubled starts")


def test_recovery_records_a_withdrawal_that_died_before_the_ledger_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "record", lambda *_: None)
        withdraw(lake, newest(lake), "doubled starts")
    assert [row.state for row in recorded(lake, PLAYS).values()] == [State.PUBLISHED]
    assert (newest(lake).state, newest(lake).reason) == (State.WITHDRAWN, "doubled starts")
    assert [row.state for row in recover(lake, PLAYS)] == [State.WITHDRAWN]
    assert recover(lake, PLAYS) == ()


def test_a_day_that_was_published_again_meanwhile_is_not_withdrawn(lake: Lake) -> None:
    judged = newest(lake)
    publish(lake, "second")
    with pytest.raises(CommitConflictError, match="its newest publication is"):
        withdraw(lake, judged, "doubled starts")
    assert newest(lake).state is State.PUBLISHED


def test_a_publication_between_the_look_and_the_commit_is_not_withdrawn(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, look, raced = newest(lake), module.history, []

    def race(*arguments: object) -> object:
        known = look(*arguments)  # type: ignore[arg-type]
        if not raced:
            raced.append(True)
            publish(lake, "second")
        return known

    monkeypatch.setattr(module, "history", race)
    with pytest.raises(CommitConflictError, match="its newest publication is"):
        withdraw(lake, judged, "doubled starts")
    assert newest(lake).state is State.PUBLISHED


def test_to_withdraw_twice_changes_nothing(lake: Lake) -> None:
    withdraw(lake, newest(lake), "doubled starts")
    before = refs.head(lake.table(PLAYS))
    assert withdraw(lake, newest(lake), "again").reason == "doubled starts"
    assert refs.head(lake.table(PLAYS)) == before


@pytest.mark.parametrize("clock", [datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)])
def test_the_clock_of_whoever_withdraws_changes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, clock: datetime
) -> None:
    monkeypatch.setattr(module, "stamp", lambda: clock)
    withdraw(lake, newest(lake), "doubled starts")
    assert newest(lake).state is State.WITHDRAWN
    publish(lake, "second", generation=2)
    assert (newest(lake).state, newest(lake).generation) == (State.PUBLISHED, 2)


def test_others_that_commit_first_each_time_end_a_withdrawal(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[bool] = []

    def lose(*_: object) -> None:
        tries.append(True)
        raise CommitConflictError("Others were first.", next_step="Again.")

    monkeypatch.setattr(module, "replace_files", lose)
    with pytest.raises(CommitConflictError, match=f"{refs.COMMIT_TRIES} times: 2026-03-01 is not withdrawn"):
        withdraw(lake, newest(lake), "doubled starts")
    assert len(tries) == refs.COMMIT_TRIES
    assert newest(lake).state is State.PUBLISHED


def test_a_day_that_is_not_published_any_more_is_not_withdrawn(lake: Lake) -> None:
    judged = newest(lake)
    other = replace(judged, day=D1 + timedelta(days=1))
    with pytest.raises(CommitConflictError, match="its newest publication is nothing by now"):
        withdraw(lake, other, "doubled starts")
