"""Publishing: pointer move, replay, refusal; and what the ledger says of each."""

from datetime import date
from pathlib import Path

import pytest
from pyiceberg.table import Table
from tests.support.lakes import (
    D1,
    D2,
    after_the_ledger,
    arrow,
    core_play,
    ids,
    land,
    make_lake,
    overwrite,
    pin,
    prepare,
    raw_play,
)

from matinee.errors import CommitConflictError, StaleInputsError, WithdrawnError
from matinee.ledger.ledger import history, recorded
from matinee.ledger.model import Publication, Run, State
from matinee.ledger.recovery import recover
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import drop_branches, move_to_main
from matinee.report import Verdict
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def nothing_to_audit(_: int) -> tuple[Verdict, ...]:
    """Return no verdicts: no audit looks across days here."""
    return ()


def publish(lake: Lake, run: Run) -> None:
    move_to_main(lake, run, nothing_to_audit)
    recover(lake, run.dataset)
    drop_branches(lake.table(run.dataset), run)


def newest(lake: Lake, dataset: str, day: object) -> Publication:
    publication = history(lake, dataset).newest(day)  # type: ignore[arg-type]
    assert publication is not None
    return publication


def test_a_change_reaches_main_by_moving_the_pointer(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1, "p1")])
    assert ids(lake, PLAYS, "play_id") == []
    published = move_to_main(lake, run, nothing_to_audit)
    assert ids(lake, PLAYS, "play_id") == ["p1"]
    assert not published.replayed


def test_publishing_twice_changes_nothing(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1, "p1")])
    first = move_to_main(lake, run, nothing_to_audit)
    second = move_to_main(lake, run, nothing_to_audit)
    assert second.snapshot_id == first.snapshot_id


def test_a_change_is_replayed_where_main_moved_in_another_day(lake: Lake) -> None:
    audited_again: list[int] = []

    def audit_again(snapshot_id: int) -> tuple[Verdict, ...]:
        audited_again.append(snapshot_id)
        return ()

    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "theirs")]))
    published = move_to_main(lake, ours, audit_again)
    assert published.replayed
    assert ids(lake, PLAYS, "play_id") == ["ours", "theirs"]
    assert audited_again == [published.snapshot_id]


def test_a_heal_is_refused_after_an_unknown_change_of_another_bucket(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "a"), core_play(D1, "b", profile_bucket=1)]))
    healed = prepare(lake, PLAYS, D1, [core_play(D1, "healed")], buckets=(0,))
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, "forged", profile_bucket=1)]))
    with pytest.raises(StaleInputsError, match=r"no publication changed 2026-03-01 \(buckets 1\) meanwhile") as refused:
        move_to_main(lake, healed, nothing_to_audit)
    assert refused.value.facts["cells"] == {"2026-03-01": [1]}
    assert refused.value.facts["snapshot_id"] == refs.head(lake.table(PLAYS))


def test_a_replay_replaces_the_rows_that_the_day_had(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "old")]))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "new")])
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "theirs")]))
    publish(lake, ours)
    assert ids(lake, PLAYS, "play_id") == ["new", "theirs"]


def test_an_empty_day_is_published_and_replaces_rows(lake: Lake) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "old")]))
    publish(lake, prepare(lake, PLAYS, D1, []))
    assert ids(lake, PLAYS, "play_id") == []


def test_a_replayed_empty_day_is_published(lake: Lake) -> None:
    ours = prepare(lake, PLAYS, D1, [])
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "theirs")]))
    publish(lake, ours)
    assert newest(lake, PLAYS, D1).state is State.PUBLISHED


def test_a_change_of_the_same_day_meanwhile_is_refused_and_named(lake: Lake) -> None:
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    theirs = prepare(lake, PLAYS, D1, [core_play(D1, "theirs")])
    publish(lake, theirs)
    with pytest.raises(StaleInputsError, match=theirs.publication_id) as refused:
        move_to_main(lake, ours, nothing_to_audit)
    assert refused.value.facts["other"] == theirs.publication_id
    assert refused.value.facts["snapshot_id"] == refs.head(lake.table(PLAYS))
    assert ids(lake, PLAYS, "play_id") == ["theirs"]


def test_only_what_was_audited_is_published_whoever_writes_to_the_branch(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1, "audited")])
    overwrite(lake.table(PLAYS), run, [core_play(D1, "not audited")], "event_day")
    with pytest.raises(StaleInputsError, match="is not at what was audited"):
        move_to_main(lake, run, nothing_to_audit)
    assert ids(lake, PLAYS, "play_id") == []


def test_a_branch_that_is_written_between_two_tries_is_not_published(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, swap = prepare(lake, PLAYS, D1, [core_play(D1, "audited")]), refs.publish_snapshot

    def overtaken(*_: object, **__: object) -> Table:
        monkeypatch.setattr(refs, "publish_snapshot", swap)
        overwrite(lake.table(PLAYS), run, [core_play(D1, "not audited")], "event_day")
        raise CommitConflictError("main moved.", next_step="Again.")

    monkeypatch.setattr(refs, "publish_snapshot", overtaken)
    with pytest.raises(StaleInputsError, match="is not at what was audited"):
        move_to_main(lake, run, nothing_to_audit)
    assert ids(lake, PLAYS, "play_id") == []


def test_a_publication_of_the_same_day_conflicts_even_if_it_changed_no_row(lake: Lake) -> None:
    ours, theirs = prepare(lake, PLAYS, D1, []), prepare(lake, PLAYS, D1, [])
    publish(lake, theirs)
    with pytest.raises(StaleInputsError, match=theirs.publication_id):
        move_to_main(lake, ours, nothing_to_audit)


def test_a_run_that_read_older_inputs_than_the_published_day_is_refused(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1)])
    old = pin(lake, "raw.plays", {D1: 1})
    land(lake, "raw.plays", [raw_play(D1, "p2")], seq=2)
    new = pin(lake, "raw.plays", {D1: 2})
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1)], pins=(new,)))
    with pytest.raises(StaleInputsError, match="read the newer"):
        move_to_main(lake, prepare(lake, PLAYS, D1, [core_play(D1)], pins=(old,)), nothing_to_audit)


def test_a_change_is_replayed_where_main_moves_between_look_and_commit(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matinee.publication import move as module

    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    theirs = prepare(lake, PLAYS, D2, [core_play(D2, "theirs")])
    raced: list[str] = []

    def race(point: str) -> None:
        if point == "publish.before_move" and not raced:
            raced.append(point)
            publish(lake, theirs)

    monkeypatch.setattr(module.faults, "reach", race)
    published = move_to_main(lake, ours, nothing_to_audit)
    assert published.replayed
    assert ids(lake, PLAYS, "play_id") == ["ours", "theirs"]


def test_what_reached_main_counts_as_published_before_anyone_recorded_it(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    move_to_main(lake, run, nothing_to_audit)
    assert recorded(lake, PLAYS)[run.publication_id, D1].state is State.PREPARED
    assert newest(lake, PLAYS, D1).state is State.PUBLISHED


def test_a_commit_between_the_replay_branch_and_its_commit_is_no_failure(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matinee.publication import move as module

    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "theirs")]))
    commit, raced = module.replace_files, []

    def race(*arguments: object) -> None:
        if not raced:
            raced.append(prepare(lake, PLAYS, D2, [core_play(D2, "another")]))
        commit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "replace_files", race)
    assert move_to_main(lake, ours, nothing_to_audit).replayed
    assert ids(lake, PLAYS, "play_id") == ["ours", "theirs"]


def test_a_replay_branch_that_a_twin_renewed_is_not_taken_for_the_replay(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matinee.publication import move as module

    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    publish(lake, prepare(lake, PLAYS, D2, [core_play(D2, "theirs")]))
    replay, twins = f"replay_{ours.publication_id}", []

    def renew(reached: str) -> None:
        if reached == "publish.after_replay" and not twins:
            table = lake.table(PLAYS)
            table = refs.remove(table, replay, expected=refs.head(table, replay))
            twins.append(refs.create_branch(table, replay, refs.head(table)))

    monkeypatch.setattr(module.faults, "reach", renew)
    published = move_to_main(lake, ours, nothing_to_audit)
    assert twins
    assert lake.table(PLAYS).snapshot_by_id(published.snapshot_id).summary["matinee.publication-id"] == (  # type: ignore[union-attr, index]
        ours.publication_id
    )
    assert ids(lake, PLAYS, "play_id") == ["ours", "theirs"]


@pytest.mark.parametrize("day", [D1, D2], ids=["the same day", "another day"])
def test_a_publication_between_the_looks_at_the_ledger_and_at_main_is_seen(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, day: date
) -> None:
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    after_the_ledger(monkeypatch, lambda: publish(lake, prepare(lake, PLAYS, day, [core_play(day, "theirs")])))
    if day == D1:
        with pytest.raises(StaleInputsError, match="meanwhile"):
            move_to_main(lake, ours, nothing_to_audit)
    else:
        assert move_to_main(lake, ours, nothing_to_audit).replayed
    assert ids(lake, PLAYS, "play_id") == (["theirs"] if day == D1 else ["ours", "theirs"])


def test_a_withdrawal_between_the_looks_at_the_ledger_and_at_main_is_met(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake, prepare(lake, PLAYS, D1, [core_play(D1, "old")]))
    ours = prepare(lake, PLAYS, D1, [core_play(D1, "ours")])
    after_the_ledger(monkeypatch, lambda: withdraw(lake, newest(lake, PLAYS, D1), "a broken player"))
    with pytest.raises(WithdrawnError, match="a broken player"):
        move_to_main(lake, ours, nothing_to_audit)
    assert ids(lake, PLAYS, "play_id") == ["old"]
