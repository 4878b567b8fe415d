"""Dropping days: files leave `main` in one commit that says with which day the dataset begins; no day comes back."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, PLANNED, arrow, core_play, ids, land, make_lake, prepare, raw_play

from matinee.errors import CommitConflictError, DroppedError
from matinee.ledger.dropping import Dropped, begin_of, drop_before, drops, is_drop
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.publication.move import move_to_main
from matinee.publication.steps import publish
from matinee.table import refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.files import data_files, landing_seq

RAW, PLAYS = "raw.plays", "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake whose core.plays has two rows, of two buckets, on each of three days."""
    lake = make_lake(tmp_path)
    for day in (D1, D2, D3):
        rows = [core_play(day, f"p{day.day}"), core_play(day, f"q{day.day}", profile_bucket=1)]
        move_to_main(lake, prepare(lake, PLAYS, day, rows), lambda _: ())
    return lake


def drop(lake: Lake, first: date, dataset: str = PLAYS) -> None:
    drop_before(lake.table(dataset), lake.registry.get(dataset), first)


def files(lake: Lake) -> set[str]:
    return {file.file_path for file in data_files(lake.table(PLAYS), "event_day")}


def test_whole_days_go_in_one_commit_that_writes_no_data_file(lake: Lake) -> None:
    before, head = files(lake), refs.head(lake.table(PLAYS))
    drop(lake, D3)
    table = lake.table(PLAYS)
    assert ids(lake, PLAYS, "play_id") == ["p3", "q3"]
    assert files(lake) < before
    assert refs.ancestry(table)[1] == head
    summary = summary_of(table, refs.head(table))
    assert (summary["deleted-data-files"], summary.get("added-data-files")) == ("4", None)
    assert begin_of(table) == D3


def test_a_dataset_does_not_begin_earlier_again(lake: Lake) -> None:
    drop(lake, D3)
    drop(lake, D2)
    assert begin_of(lake.table(PLAYS)) == D3


@pytest.mark.parametrize("day", [D1, D2])
def test_a_change_of_a_dropped_day_that_was_in_flight_is_refused(lake: Lake, day: date) -> None:
    run = prepare(lake, PLAYS, day, [core_play(day, "healed")])
    drop(lake, D3)
    with pytest.raises(DroppedError, match=rf"core.plays {day} was dropped meanwhile"):
        move_to_main(lake, run, lambda _: ())
    assert ids(lake, PLAYS, "play_id") == ["p3", "q3"]


def test_a_change_of_a_dropped_day_that_was_empty_is_refused_too(lake: Lake) -> None:
    empty = date(2026, 2, 27)
    run = prepare(lake, PLAYS, empty, [core_play(empty, "late")])
    drop(lake, D1)
    with pytest.raises(DroppedError):
        move_to_main(lake, run, lambda _: ())


def test_a_run_whose_day_was_dropped_is_abandoned_and_leaves_no_branch(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1, "healed")])
    drop(lake, D2)
    with pytest.raises(DroppedError):
        publish(lake.settings, PLAYS, run.publication_id)
    known = history(lake, PLAYS).prepared(run.publication_id)
    assert (known.state if known else None, refs.reference(lake.table(PLAYS), run.branch)) == (State.ABANDONED, None)


def test_a_change_of_another_day_is_replayed_onto_the_drop(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D3, [core_play(D3, "healed")])
    drop(lake, D3)
    assert move_to_main(lake, run, lambda _: ()).replayed
    assert ids(lake, PLAYS, "play_id") == ["healed"]


def test_a_publication_just_before_a_drop_is_a_conflict_for_the_drop(lake: Lake) -> None:
    table = lake.table(PLAYS)
    move_to_main(lake, prepare(lake, PLAYS, D1, [core_play(D1, "newer")]), lambda _: ())
    with pytest.raises(CommitConflictError):
        drop_before(table, lake.registry.get(PLAYS), D2)
    assert "newer" in ids(lake, PLAYS, "play_id")
    assert begin_of(lake.table(PLAYS)) is None


def test_a_drop_between_the_look_of_a_publication_and_its_move_is_met(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1, "healed")])
    left: list[Callable[[], None]] = [lambda: drop(lake, D2)]

    def reach(point: str) -> None:
        if point == "publish.before_move" and left:
            left.pop()()

    monkeypatch.setattr("matinee.faults.reach", reach)
    with pytest.raises(DroppedError):
        move_to_main(lake, run, lambda _: ())
    assert ids(lake, PLAYS, "play_id") == ["p2", "p3", "q2", "q3"]


def test_landing_numbers_do_not_fall_where_the_highest_has_no_files_left(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D2)], seq=1)
    land(lake, RAW, [raw_play(D1, "late")], seq=7)
    drop(lake, D2, RAW)
    table = lake.table(RAW)
    table.maintenance.expire_snapshots().by_ids(refs.ancestry(table)[1:]).commit()
    assert landing_seq(lake.table(RAW)) == 7


def test_rows_of_dropped_days_that_come_late_are_dropped_too(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D2, "p2")])
    drop(lake, D2, RAW)
    table = lake.table(RAW)
    table.append(arrow(table, [raw_play(D1, "late")]))
    drop(lake, D2, RAW)
    assert ids(lake, RAW, "play_id") == ["p2"]


@pytest.mark.parametrize(
    ("summary", "dropped"),
    [
        ({"matinee.dropped-before": "2026-03-02"}, True),
        ({"matinee.dropped-before": "2026-03-02", "added-data-files": "0", "deleted-data-files": "4"}, True),
        ({"matinee.dropped-before": "2026-03-02", "added-data-files": "1"}, False),
        ({"matinee.dropped-before": "2026-03-02", "added-delete-files": "1"}, False),
        ({"deleted-data-files": "4"}, False),
    ],
)
def test_a_commit_that_adds_files_is_no_drop_whatever_it_says(summary: dict[str, str], dropped: bool) -> None:
    assert is_drop(summary) is dropped


@pytest.mark.parametrize(
    ("first", "day", "dropped"),
    [(D1, D1, True), (D1, D2, True), (D1, D3, False), (D2, D1, False), (None, D1, False)],
)
def test_a_drop_has_the_days_from_its_first_to_the_last_before_its_end(
    first: date | None, day: date, dropped: bool
) -> None:
    assert Dropped(PLANNED, first, D3, 4).has(day) is dropped


def test_drops_are_told_newest_first_with_their_days_and_rows(lake: Lake) -> None:
    drop(lake, D2)
    drop(lake, D3)
    told = [(made.first, made.before, made.rows) for made in drops(lake.table(PLAYS))]
    assert told == [(D2, D3, 2), (date.min, D2, 2)]
