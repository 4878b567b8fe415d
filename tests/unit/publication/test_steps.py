"""Steps that follow another step: where its output is missing or was judged, they say so and change nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, core_play, ids, land, make_lake, pin, prepare, raw_play

from matinee.errors import DroppedError, UsageError, WithdrawnError
from matinee.ledger import pins
from matinee.ledger.dropping import drop_before
from matinee.ledger.ledger import history, record
from matinee.ledger.model import Run, State
from matinee.ledger.recovery import abandoned
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import drop_branches, move_to_main
from matinee.publication.reaudit import audit_published
from matinee.publication.record import finish
from matinee.publication.steps import audit, publish
from matinee.table import refs
from matinee.table.catalog import Lake

RAW, PLAYS = "raw.plays", "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    land(lake, RAW, [raw_play(D1)])
    return lake


def prepared(lake: Lake) -> Run:
    return prepare(lake, PLAYS, D1, [core_play(D1)], pins=(pin(lake, RAW, {D1: 1}),))


def published(lake: Lake) -> Run:
    run = prepared(lake)
    finish(lake, run, move_to_main(lake, run, lambda _: ()))
    return run


def states(lake: Lake, run: Run) -> set[State]:
    return {publication.state for publication in history(lake, PLAYS).find(run.publication_id)}


def references(lake: Lake) -> set[str]:
    return set(lake.table(PLAYS).metadata.refs)


def test_what_was_never_written_is_not_judged(lake: Lake) -> None:
    lake.ensure(PLAYS)
    with pytest.raises(UsageError, match=r"was not written to branch 'audit_core_plays_20260301_1' of core\.plays"):
        audit(lake.settings, PLAYS, "core_plays_20260301_1")


def test_a_branch_on_which_nothing_was_written_yet_is_not_judged(lake: Lake) -> None:
    published(lake)
    table = lake.table(PLAYS)
    refs.create_branch(table, "audit_core_plays_20260301_1", refs.head(table))
    with pytest.raises(UsageError, match="core_plays_20260301_1 was not written"):
        audit(lake.settings, PLAYS, "core_plays_20260301_1")


def test_what_is_published_is_not_judged_again(lake: Lake) -> None:
    run = published(lake)
    assert audit(lake.settings, PLAYS, run.publication_id).publication_id == run.publication_id
    assert states(lake, run) == {State.PUBLISHED}


def test_what_was_never_prepared_is_not_published(lake: Lake) -> None:
    lake.ensure(PLAYS)
    with pytest.raises(UsageError, match=r"core_plays_20260301_1 of core\.plays was not prepared"):
        publish(lake.settings, PLAYS, "core_plays_20260301_1")


def test_what_was_abandoned_is_not_published(lake: Lake) -> None:
    run = prepared(lake)
    record(lake, [abandoned(publication, "an audit failed") for publication in history(lake, PLAYS).all()])
    with pytest.raises(UsageError, match="was not prepared"):
        publish(lake.settings, PLAYS, run.publication_id)
    assert ids(lake, PLAYS, "play_id") == []


def test_what_is_published_is_recorded_tagged_and_its_branch_and_pins_go(lake: Lake) -> None:
    run = prepared(lake)
    pins.hold(lake, run.publication_id, run.pinned)
    report = publish(lake.settings, PLAYS, run.publication_id)
    assert (report.snapshot_id, report.days) == (refs.head(lake.table(PLAYS)), (D1,))
    assert references(lake) == {refs.MAIN, f"pub_{run.publication_id}"}
    assert set(lake.table(RAW).metadata.refs) == {refs.MAIN}


def test_to_publish_again_changes_nothing(lake: Lake) -> None:
    run = prepared(lake)
    first = publish(lake.settings, PLAYS, run.publication_id)
    before = lake.table(PLAYS).metadata_location
    assert publish(lake.settings, PLAYS, run.publication_id).snapshot_id == first.snapshot_id
    assert lake.table(PLAYS).metadata_location == before


@pytest.mark.parametrize("error", [WithdrawnError, DroppedError])
def test_a_run_whose_day_was_withdrawn_or_dropped_ends_and_leaves_nothing(lake: Lake, error: type[Exception]) -> None:
    published(lake)
    run = prepared(lake)
    pins.hold(lake, run.publication_id, run.pinned)
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    if error is WithdrawnError:
        withdraw(lake, newest, "doubled starts")
    else:
        drop_before(lake.table(PLAYS), lake.registry.get(PLAYS), D2)
    with pytest.raises(error):
        publish(lake.settings, PLAYS, run.publication_id)
    assert states(lake, run) == {State.ABANDONED}
    assert references(lake) == {refs.MAIN, f"pub_{newest.publication_id}"}
    assert set(lake.table(RAW).metadata.refs) == {refs.MAIN}


def test_a_day_that_is_not_published_is_not_judged_again(lake: Lake) -> None:
    run = prepared(lake)
    drop_branches(lake.table(PLAYS), run)
    with pytest.raises(UsageError, match=r"core\.plays 2026-03-01 is not published"):
        audit_published(lake.settings, PLAYS, D1)


def test_a_day_that_was_dropped_is_not_judged_again(lake: Lake) -> None:
    published(lake)
    drop_before(lake.table(PLAYS), lake.registry.get(PLAYS), D2)
    with pytest.raises(UsageError, match="was dropped: there are no rows to judge"):
        audit_published(lake.settings, PLAYS, D1)


def test_a_day_whose_input_has_expired_is_not_judged_again(lake: Lake) -> None:
    gone = replace(pin(lake, RAW, {D1: 1}), snapshot_id=7)
    run = prepare(lake, PLAYS, D1, [core_play(D1)], pins=(gone,))
    move_to_main(lake, run, lambda _: ())
    with pytest.raises(UsageError, match=r"read snapshot 7 of raw\.plays, which has expired"):
        audit_published(lake.settings, PLAYS, D1)
