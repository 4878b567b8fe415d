"""What may be published: what was audited, as it was audited, on a `main` that goes on from where the run began."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, core_play, ids, make_lake, prepare
from tests.unit.publication.test_move import nothing_to_audit, publish

from matinee.errors import CommitConflictError, StaleInputsError
from matinee.ledger.ledger import history, noted_after, record
from matinee.ledger.model import InputPin
from matinee.ledger.recovery import abandoned
from matinee.publication.move import TRIES, drop_branches, move_to_main
from matinee.table import names, refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def test_an_attempt_that_its_audit_refused_is_not_published(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    [prepared] = history(lake, PLAYS).find(run.publication_id)
    record(lake, [abandoned(prepared, "a blocking audit failed")])
    with pytest.raises(StaleInputsError, match="is not at what was audited"):
        move_to_main(lake, run, nothing_to_audit)
    assert ids(lake, PLAYS, "play_id") == []


def test_a_run_that_another_of_its_name_was_audited_after_is_not_published(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    [prepared] = history(lake, PLAYS).find(run.publication_id)
    other = replace(run, pins=(InputPin("raw.plays", 1, 1, 1, {D1: 1}),))
    record(lake, [replace(prepared, run=other, recorded_ts=noted_after([prepared]))])
    with pytest.raises(StaleInputsError, match="is not at what was audited"):
        move_to_main(lake, run, nothing_to_audit)
    assert ids(lake, PLAYS, "play_id") == []


def test_a_run_that_was_never_recorded_is_not_published(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    unknown = replace(run, publication_id="core_plays_20260301_unknown")
    table = lake.table(PLAYS)
    refs.create_branch(table, unknown.branch, refs.head(table, run.branch))
    with pytest.raises(StaleInputsError, match="is not at what was audited"):
        move_to_main(lake, unknown, nothing_to_audit)
    assert ids(lake, PLAYS, "play_id") == []


def test_a_run_whose_branch_is_gone_is_not_published(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    drop_branches(lake.table(PLAYS), run)
    with pytest.raises(StaleInputsError, match="is not at what was audited"):
        move_to_main(lake, run, nothing_to_audit)


@pytest.mark.parametrize("replayed", [False, True])
def test_a_second_call_says_whether_the_first_one_replayed(lake: Lake, replayed: bool) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    if replayed:
        publish(lake, prepare(lake, PLAYS, D2, [core_play(D2)]))
    assert move_to_main(lake, run, nothing_to_audit).replayed is replayed
    assert move_to_main(lake, run, nothing_to_audit).replayed is replayed


def test_a_second_call_after_the_branch_has_gone_tells_of_no_replay(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    first = move_to_main(lake, run, nothing_to_audit)
    drop_branches(lake.table(PLAYS), run)
    assert move_to_main(lake, run, nothing_to_audit) == first


def test_a_change_is_refused_where_main_was_set_back_behind_its_base(lake: Lake) -> None:
    before = refs.head(lake.ensure(PLAYS))
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1)]))
    ours = prepare(lake, PLAYS, D2, [core_play(D2)])
    table = lake.table(PLAYS)
    refs.move_branch(table, refs.MAIN, before, expected=refs.head(table))
    with pytest.raises(StaleInputsError, match="main does not descend from what the branch came from"):
        move_to_main(lake, ours, nothing_to_audit)
    assert refs.head(lake.table(PLAYS)) == before


def test_main_that_moves_during_each_try_ends_the_publish(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    tried: list[int] = []

    def overtaken(_: object, snapshot_id: int, **__: object) -> None:
        tried.append(snapshot_id)
        raise CommitConflictError("main moved.", next_step="Again.")

    monkeypatch.setattr(refs, "publish_snapshot", overtaken)
    with pytest.raises(CommitConflictError, match=f"moved during each of {TRIES} tries"):
        move_to_main(lake, run, nothing_to_audit)
    assert len(tried) == TRIES
    assert ids(lake, PLAYS, "play_id") == []


def test_the_branches_of_a_replayed_run_are_both_dropped(lake: Lake) -> None:
    ours = prepare(lake, PLAYS, D1, [core_play(D1)])
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2)]))
    move_to_main(lake, ours, nothing_to_audit)
    assert {ours.branch, f"{names.REPLAY}{ours.publication_id}"} <= set(lake.table(PLAYS).metadata.refs)
    drop_branches(lake.table(PLAYS), ours)
    assert set(lake.table(PLAYS).metadata.refs) == {refs.MAIN}


def test_a_replay_that_loses_every_race_for_the_metadata_leaves_main_alone(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matinee.publication import move as module

    def lose(*_: object) -> None:
        raise CommitConflictError("Another was first.", next_step="Again.")

    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "theirs")]))
    monkeypatch.setattr(refs, "COMMIT_TRIES", 2)
    monkeypatch.setattr(module, "replace_files", lose)
    with pytest.raises(CommitConflictError, match="lost the race for the table's metadata 2 times"):
        move_to_main(lake, ours, nothing_to_audit)
    assert ids(lake, PLAYS, "play_id") == ["theirs"]
