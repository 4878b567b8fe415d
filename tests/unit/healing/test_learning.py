"""Learning from the lake: how earlier days arrived, each event counted once, and when a source was silent."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, NOON, at, core_play, heard, land, make_lake, pin, prepare, raw_play

from matinee.healing.arrival_curve import DAYS, LAST_STEP
from matinee.healing.learning import arrivals, learned_curve, silent_time
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from matinee.table.files import data_files

D4 = D3 + timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def publish(lake: Lake, day: date, *received: timedelta, generation: int = 1) -> None:
    """Land and publish a day whose plays arrived so long after its start."""
    land(lake, "raw.plays", [raw_play(day, f"p{n}", received_ts=at(day, delay)) for n, delay in enumerate(received)])
    plays = [core_play(day, f"p{n}", received_ts=at(day, delay)) for n, delay in enumerate(received)]
    pins = (pin(lake, "raw.plays", {day: 1}),)
    run = prepare(lake, "core.plays", day, plays, pins=pins, generation=generation, read=len(plays))
    move_to_main(lake, run, lambda _: ())


def test_rows_are_counted_by_the_step_of_their_arrival_after_the_day_ended(lake: Lake) -> None:
    publish(lake, D1, NOON, DAY, DAY + 9 * MINUTE, DAY + 10 * MINUTE, DAY + 19 * MINUTE, DAY + 25 * HOUR)
    assert arrivals(lake, "raw.plays", D2) == {D1: {0: 3, 1: 2, 150: 1}}


def test_rows_that_were_received_in_another_century_share_the_last_step(lake: Lake) -> None:
    publish(lake, D1, NOON, *(timedelta(days=365 * years) for years in (73, 74, 7000)))
    assert arrivals(lake, "raw.plays", D2) == {D1: {0: 1, LAST_STEP: 3}}


def test_a_day_that_its_producer_sent_again_counts_once(lake: Lake) -> None:
    publish(lake, D1, NOON, DAY + 10 * MINUTE)
    again = [raw_play(D1, f"p{n}", received_ts=at(D1, 2 * DAY)) for n in range(2)]
    land(lake, "raw.plays", again, seq=2, close=False)
    assert arrivals(lake, "raw.plays", D2) == {D1: {0: 1, 1: 1}}


def test_only_valid_days_before_the_day_teach_and_the_last_ones_first(lake: Lake) -> None:
    for day in (D1, D2, D3, D4):
        publish(lake, day, NOON)
    land(lake, "raw.plays", [raw_play(D2, f"late{n}") for n in range(9)], seq=2)
    assert list(arrivals(lake, "raw.plays", D4)) == [D3, D1]
    assert list(arrivals(lake, "raw.plays", D4, days=1)) == [D3]
    assert learned_curve(lake, "raw.plays", D4) is None
    assert DAYS == 14


def test_three_days_make_a_curve(lake: Lake) -> None:
    for day in (D1, D2, D3):
        publish(lake, day, NOON, NOON, NOON, DAY + 2 * HOUR)
    curve = learned_curve(lake, "raw.plays", D4)
    assert curve is not None
    assert curve.expected(HOUR).middle == 0.75
    assert curve.age_at(0.95) == 2 * HOUR + 10 * MINUTE


def test_of_files_without_late_rows_no_row_is_read(lake: Lake) -> None:
    publish(lake, D1, NOON, DAY)
    for file in data_files(lake.table("core.plays"), "event_day"):
        Path(file.file_path.removeprefix("file://")).unlink()
    assert arrivals(lake, "raw.plays", D2) == {D1: {0: 2}}


def test_a_lake_without_publications_teaches_nothing(lake: Lake) -> None:
    assert arrivals(lake, "raw.plays", D2) == {}
    assert arrivals(lake, "raw.quarantine", D2) == {}
    land(lake, "raw.plays", [raw_play(D1)])
    assert learned_curve(lake, "raw.plays", D2) is None


def test_a_source_is_silent_when_no_day_gets_rows(lake: Lake) -> None:
    heard(lake, "raw.plays", *(at(D1, hour * HOUR) for hour in range(25)))
    heard(lake, "raw.plays", at(D2, 3 * HOUR), rows=0)
    assert silent_time(lake, "raw.plays", D2, at(D2, 2 * HOUR)) == timedelta(0)
    assert silent_time(lake, "raw.plays", D2, at(D2, 5 * HOUR)) == 5 * HOUR
    heard(lake, "raw.plays", at(D2, 5 * HOUR))
    assert silent_time(lake, "raw.plays", D2, at(D2, 6 * HOUR)) == 5 * HOUR
    assert silent_time(lake, "raw.impressions", D2, at(D2, HOUR)) == timedelta(0)
    assert silent_time(lake, "raw.impressions", D2, at(D2, 2 * HOUR)) == 2 * HOUR
