"""Which days of landed events are judged, and on how many rows."""

from datetime import date, timedelta
from pathlib import Path

from tests.support.lakes import D1, D2, D3, at, close_days, heard, kept, land, make_lake, raw_play

from matinee.days import end_of
from matinee.healing.judge_days import HORIZON, judge_arrivals
from matinee.table.catalog import Lake

RAW = "raw.plays"
NOW = end_of(D3) + timedelta(hours=1)


def fill(lake: Lake) -> None:
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2, D3)])
    close_days(lake, RAW, {D2: 10})
    heard(lake, RAW, at(D3))


kept_lake, lake = kept(fill)


def judged(lake: Lake, days_later: int = 0) -> list[tuple[str, date, int]]:
    return [(name, day, rows) for name, day, rows, _ in judge_arrivals(lake, NOW + timedelta(days=days_later))]


def test_only_a_day_that_lacks_rows_is_judged(lake: Lake) -> None:
    assert judged(lake) == [(RAW, D2, 1)]


def test_a_day_that_got_its_rows_is_judged_no_more(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D2, f"late{number}") for number in range(9)], seq=2, close=False)
    assert judged(lake) == []


def test_a_day_of_which_no_number_is_expected_is_not_judged(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D3 + timedelta(days=1))], seq=2, close=False)
    assert judged(lake, days_later=1) == [(RAW, D2, 1)]


def test_a_day_is_judged_for_as_long_as_the_horizon(lake: Lake) -> None:
    # The horizon counts back from the day of the look, which is the day after the third.
    last = HORIZON.days - 2
    assert [judged(lake, days_later=days) for days in (last, last + 1)] == [[(RAW, D2, 1)], []]


def test_a_day_that_has_not_ended_is_not_judged(lake: Lake) -> None:
    now = at(D2)
    assert [day for _, day, _, _ in judge_arrivals(lake, now)] == []


def test_a_lake_in_which_nothing_was_landed_has_no_day_to_judge(tmp_path: Path) -> None:
    assert judged(make_lake(tmp_path)) == []
