"""The branch of a run: each attempt has its own name, and what a dead attempt left is not used."""

from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, arrow, core_play, make_lake, prepare

from matinee.errors import CommitConflictError, UsageError
from matinee.ledger.ledger import history, record
from matinee.ledger.recovery import abandoned
from matinee.publication.branches import Branch, drop_branch, make_branch
from matinee.publication.move import drop_branches, move_to_main
from matinee.publication.request import RunRequest
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    lake.ensure(PLAYS)
    return lake


def made(lake: Lake, attempt: str | None = None, experiment: str | None = None) -> Branch:
    return make_branch(lake, RunRequest(PLAYS, D1, D1, attempt=attempt, experiment=experiment))


def names_of(*branches: Branch) -> list[str]:
    return [branch.publication_id.rpartition("20260301_")[2] for branch in branches]


def publish(lake: Lake, attempt: str) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)], attempt=attempt)
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(PLAYS), run)


def test_attempts_without_a_name_are_numbered_past_live_ones(lake: Lake) -> None:
    assert names_of(made(lake), made(lake), made(lake)) == ["1", "2", "3"]


def test_a_number_that_the_ledger_knows_is_not_taken_again(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)], attempt="1")
    record(lake, [abandoned(publication, "an audit failed") for publication in history(lake, PLAYS).all()])
    drop_branches(lake.table(PLAYS), run)
    assert names_of(made(lake)) == ["2"]


def test_a_named_attempt_is_made_again_from_main_as_it_is_now(lake: Lake) -> None:
    first = made(lake, "heal")
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, "left")]), branch=first.name)
    table.append(arrow(lake.table(PLAYS), [core_play(D2)]))
    again, head = made(lake, "heal"), refs.head(lake.table(PLAYS))
    assert (again.name, again.base_snapshot_id, refs.head(lake.table(PLAYS), again.name)) == (first.name, head, head)


def test_a_named_attempt_that_was_published_gets_a_number(lake: Lake) -> None:
    publish(lake, "heal")
    assert names_of(made(lake, "heal")) == ["heal_2"]
    publish(lake, "heal_3")
    assert names_of(made(lake, "heal_3")) == ["heal_3_2"]


def test_a_named_attempt_that_another_run_takes_meanwhile_is_a_conflict(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_once(monkeypatch)
    with pytest.raises(CommitConflictError, match="taken"):
        made(lake, "heal")


def test_a_number_that_another_run_takes_meanwhile_is_passed_over(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_once(monkeypatch)
    assert names_of(made(lake)) == ["2"]


def lose_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have another run take the name between the look and the commit, once."""
    create, lost = refs.create_branch, list[bool]()

    def taken(table: object, name: str, snapshot_id: int) -> object:
        if not lost:
            lost.append(True)
            raise CommitConflictError("It was taken.", next_step="Again.")
        return create(table, name, snapshot_id)  # type: ignore[arg-type]

    monkeypatch.setattr(refs, "create_branch", taken)


def test_runs_of_one_experiment_share_its_branch(lake: Lake) -> None:
    first, second = made(lake, experiment="wide"), made(lake, experiment="wide")
    assert (first.name, first.made, second.name, second.made) == ("experiment_wide", True, "experiment_wide", False)


def test_only_a_branch_that_the_run_made_is_dropped_with_it(lake: Lake) -> None:
    mine, first, second = made(lake), made(lake, experiment="wide"), made(lake, experiment="wide")
    drop_branch(lake, PLAYS, mine)
    drop_branch(lake, PLAYS, second)
    assert set(lake.table(PLAYS).metadata.refs) == {refs.MAIN, "experiment_wide"}
    drop_branch(lake, PLAYS, first)
    drop_branch(lake, PLAYS, first)
    assert set(lake.table(PLAYS).metadata.refs) == {refs.MAIN}


@pytest.mark.parametrize(
    ("first", "last", "values", "words"),
    [
        (D2, D1, {}, "ends .2026-03-01. before it starts"),
        (D1, D2, {"heal": True}, "healed one by one"),
        (D1, D1, {"heal": True, "experiment": "wide"}, "healed one by one, on main"),
        (D1, D1, {"attempt": "a-b"}, "'a-b' is not a usable name"),
        (D1, D1, {"experiment": "x" * 41}, "is not a usable name"),
        (D1, D1, {"experiment": ""}, "'' is not a usable name"),
        (D1, D1, {"parameters": {"attribution.window": "1h"}}, "in an experiment only"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(
    first: date, last: date, values: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        RunRequest(PLAYS, first, last, **values)  # type: ignore[arg-type]


def test_a_request_of_a_day_and_of_a_range_have_keys() -> None:
    assert RunRequest(PLAYS, D1, D1, attempt="x" * 40).key == "2026-03-01"
    assert RunRequest(PLAYS, D1, D2).key == "2026-03-01_2026-03-02"
