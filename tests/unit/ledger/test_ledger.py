"""The ledger and `main`: the last record of an attempt holds, and an attempt on `main` is published."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, core_play, make_lake, prepare

from matinee.ledger.ledger import history, noted_after, record
from matinee.ledger.model import Publication, Run, State
from matinee.ledger.recovery import abandoned, recover
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import replace_files
from matinee.table.snapshots import added_files

PLAYS = "core.plays"
AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def reach_main(lake: Lake, run: Run) -> None:
    """Move `main` to what a run has written; nobody records it."""
    table = lake.table(PLAYS)
    refs.publish_snapshot(table, refs.head(table, run.branch), expected=refs.head(table))


def record_abandoned(lake: Lake, run: Run) -> None:
    [prepared] = history(lake, PLAYS).find(run.publication_id)
    record(lake, [abandoned(prepared, "a blocking audit failed")])


def newest(lake: Lake) -> Publication:
    publication = history(lake, PLAYS).newest(D1)
    assert publication is not None
    return publication


def test_an_attempt_abandoned_under_a_clock_ahead_can_be_prepared_again(lake: Lake) -> None:
    run = prepare(lake, "core.plays", D1, [core_play(D1)])
    (prepared,) = history(lake, "core.plays").find(run.publication_id)
    refused = replace(prepared, state=State.ABANDONED, recorded_ts=AHEAD)
    record(lake, [refused])
    record(lake, [replace(prepared, recorded_ts=noted_after([refused]))])
    (latest,) = history(lake, "core.plays").find(run.publication_id)
    assert latest.state is State.PREPARED


def test_what_was_recorded_as_abandoned_and_is_on_main_is_published(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    record_abandoned(lake, run)
    assert history(lake, PLAYS).newest(D1) is None
    reach_main(lake, run)
    assert (newest(lake).state, newest(lake).head_snapshot_id) == (State.PUBLISHED, refs.head(lake.table(PLAYS)))


def test_recovery_records_as_published_what_was_abandoned_and_is_on_main(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    record_abandoned(lake, run)
    reach_main(lake, run)
    assert [(row.publication_id, row.state) for row in recover(lake, PLAYS)] == [(run.publication_id, State.PUBLISHED)]
    assert recover(lake, PLAYS) == ()


def test_the_newest_publication_of_a_day_is_the_last_one_on_main(lake: Lake) -> None:
    reach_main(lake, prepare(lake, PLAYS, D1, [core_play(D1)], attempt="one"))
    recover(lake, PLAYS)
    withdrawn = replace(newest(lake), state=State.WITHDRAWN, recorded_ts=AHEAD)
    second = prepare(lake, PLAYS, D1, [core_play(D1)], attempt="two")
    reach_main(lake, second)
    recover(lake, PLAYS)
    record(lake, [withdrawn])
    assert newest(lake).publication_id == second.publication_id


def test_a_day_that_a_remade_attempt_has_no_more_is_not_published(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    [prepared] = history(lake, PLAYS).find(run.publication_id)
    record(lake, [replace(prepared, day=D2)])
    reach_main(lake, run)
    published = history(lake, PLAYS)
    assert (newest(lake).state, published.newest(D2)) == (State.PUBLISHED, None)


def test_of_an_attempt_the_record_that_was_made_last_is_its_own(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    [prepared] = history(lake, PLAYS).find(run.publication_id)
    later = replace(prepared, day=D2, audited_snapshot_id=7, recorded_ts=noted_after([prepared]))
    record(lake, [later])
    latest = history(lake, PLAYS).prepared(run.publication_id)
    assert latest is not None
    assert (latest.day, latest.audited_snapshot_id) == (D2, 7)


def test_of_a_day_given_up_and_one_prepared_the_prepared_one_counts(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D2, [core_play(D2)])
    [prepared] = history(lake, PLAYS).find(run.publication_id)
    record(lake, [replace(prepared, day=D1, state=State.ABANDONED)])
    latest = history(lake, PLAYS).prepared(run.publication_id)
    assert latest is not None
    assert (latest.day, latest.state) == (D2, State.PREPARED)


def test_days_of_several_publications_come_by_day_and_by_age(lake: Lake) -> None:
    for day, attempt in ((D2, "one"), (D1, "two"), (D2, "three")):
        reach_main(lake, prepare(lake, PLAYS, day, [core_play(day)], attempt=attempt))
    order = [
        (publication.day, publication.publication_id.rpartition("_")[2]) for publication in history(lake, PLAYS).all()
    ]
    assert order == [(D1, "two"), (D2, "one"), (D2, "three")]


def test_notes_tell_of_each_publication_that_nobody_recorded(lake: Lake) -> None:
    runs = [prepare(lake, PLAYS, day, [core_play(day)]) for day in (D1, D2)]
    for run in runs:
        table = lake.table(PLAYS)
        replace_files(table, refs.MAIN, [], added_files(table, refs.head(table, run.branch)), run.to_summary())
    left = prepare(lake, PLAYS, D3, [core_play(D3)])
    told = {note.publication_id: (note.day, note.state) for note in history(lake, PLAYS).notes()}
    reached = {run.publication_id: (run.first_day, State.PUBLISHED) for run in runs}
    assert told == reached | {left.publication_id: (D3, State.PREPARED)}


def test_what_nobody_recorded_was_published_when_main_moved(lake: Lake) -> None:
    reach_main(lake, prepare(lake, PLAYS, D1, [core_play(D1)]))
    head = lake.table(PLAYS).current_snapshot()
    assert head is not None
    assert newest(lake).recorded_ts == datetime.fromtimestamp(head.timestamp_ms / 1000, UTC)
    assert (newest(lake).head_snapshot_id, newest(lake).head_sequence_number) == (
        head.snapshot_id,
        head.sequence_number,
    )


def test_a_dataset_without_a_table_or_a_record_has_no_history(lake: Lake) -> None:
    assert (history(lake, PLAYS).table, history(lake, PLAYS).all(), history(lake, PLAYS).newest(D1)) == (None, (), None)
    lake.ensure(PLAYS)
    table = history(lake, PLAYS).table
    assert table is not None
    assert history(lake, PLAYS).notes() == ()
