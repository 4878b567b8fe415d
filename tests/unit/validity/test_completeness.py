"""How many rows a landed day should have, by its manifest or by earlier same weekdays, and when the day is over."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, close_days, core_play, land, make_lake, pin, prepare, raw_play

from matinee.days import end_of
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from matinee.validity.completeness import expected_by_weeks
from matinee.validity.manifests import Manifest, declare
from matinee.validity.reasons import Reason
from matinee.validity.validity import Validity

RAW, PLAYS = "raw.plays", "core.plays"
WEEK, DELAY = timedelta(weeks=1), timedelta(minutes=10)
DAY = D1 + 9 * WEEK
OVER = end_of(DAY) + DELAY


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def weeks_before(day: date, *weeks: int) -> list[date]:
    return [day - week * WEEK for week in weeks]


def land_rows(lake: Lake, day: date, rows: int, *, seq: int, received: datetime | None = None) -> None:
    plays = [raw_play(day, f"p{day}-{number}") for number in range(rows)]
    land(lake, RAW, plays, seq=seq, close=False, received=received)


def land_history(lake: Lake, *days: date, rows: int = 20, close: bool = True) -> None:
    """Land days of as many rows, and close them."""
    plays = [raw_play(day, f"p{day}-{number}") for day in days for number in range(rows)]
    land(lake, RAW, plays, close=close)


def reason(lake: Lake, day: date = DAY) -> Reason | None:
    return Validity(lake).status(RAW, day).reason


def why(lake: Lake, day: date = DAY) -> tuple[str, str]:
    cause = reason(lake, day)
    assert cause is not None
    return cause.kind, cause.detail


@pytest.mark.parametrize("weeks", [range(1, 9), (1, 2, 3, 4), (2, 3, 7, 8), (5, 6, 7, 8), (1, 4, 5, 6, 8)], ids=str)
@pytest.mark.parametrize("growth", [-0.05, -0.03, -0.01, 0.0, 0.01, 0.03, 0.05])
def test_under_growth_90_percent_of_a_day_are_short_and_97_are_complete(
    growth: float, weeks: range | tuple[int, ...]
) -> None:
    whole = 10_000
    expected = expected_by_weeks({week: round(whole / (1 + growth) ** week) for week in weeks})
    assert 0.90 * whole < 0.95 * expected <= 0.97 * whole


def test_one_bad_week_moves_no_expectation() -> None:
    assert expected_by_weeks({1: 10, 2: 1000, 3: 1000, 4: 1000}) == 1000
    assert expected_by_weeks({1: 1000, 2: 1000, 3: 9000, 4: 1000, 5: 0}) == 1000


def test_without_a_manifest_four_closed_weeks_say_how_many_rows_to_expect(lake: Lake) -> None:
    land_history(lake, *weeks_before(DAY, 1, 2, 3, 4))
    land_rows(lake, DAY, 18, seq=2, received=OVER)
    assert why(lake) == ("short", "short: 18 of 20 rows (90%, by 4 earlier same weekdays)")
    land_rows(lake, DAY, 1, seq=3, received=OVER)
    assert reason(lake) is None


def test_with_three_comparable_days_the_day_stays_open_for_a_person(lake: Lake) -> None:
    land_history(lake, *weeks_before(DAY, 1, 2, 3))
    land_rows(lake, DAY, 20, seq=2, received=OVER)
    kind, detail = why(lake)
    assert kind == "open"
    assert "insufficient history, 3 of the 4 comparable days" in detail
    cause = reason(lake)
    assert cause is not None
    assert f"`matinee ingest raw.plays --close-through {DAY}`" in cause.next_step


def test_days_that_are_neither_closed_nor_published_are_no_history(lake: Lake) -> None:
    land_history(lake, *weeks_before(DAY, 1, 2, 3))
    land_history(lake, *weeks_before(DAY, 4, 5, 6), close=False)
    land_rows(lake, DAY, 20, seq=2, received=OVER)
    assert why(lake)[0] == "open"


def test_days_before_the_first_of_the_lake_are_no_history(lake: Lake) -> None:
    close_days(lake, RAW, {DAY - WEEK: 0})
    land_history(lake, *weeks_before(DAY, 2, 3, 4, 5, 6), rows=1, close=False)
    land_rows(lake, DAY, 1, seq=2, received=OVER)
    assert why(lake)[0] == "open"


def test_only_the_last_eight_weeks_are_history(lake: Lake) -> None:
    land_history(lake, *weeks_before(DAY, 1, 2, 3, 9))
    land_rows(lake, DAY, 20, seq=2, received=OVER)
    assert why(lake)[0] == "open"


def test_the_eighth_week_before_the_day_is_history(lake: Lake) -> None:
    land_history(lake, *weeks_before(DAY, 1, 2, 3, 8))
    land_rows(lake, DAY, 20, seq=2, received=OVER)
    assert reason(lake) is None


def test_later_weekdays_are_no_history(lake: Lake) -> None:
    close_days(lake, RAW, {D1: 0})
    land_history(lake, *weeks_before(DAY, -1, -2, -3, -4))
    land_rows(lake, DAY, 20, seq=2, received=OVER)
    kind, detail = why(lake)
    assert (kind, "0 of the 4 comparable days" in detail) == ("open", True)


def test_the_day_itself_is_no_history(lake: Lake) -> None:
    land_history(lake, *weeks_before(DAY, 1, 2, 3))
    land_rows(lake, DAY, 20, seq=2, received=OVER)
    publish(lake, DAY)
    land_rows(lake, DAY + WEEK, 20, seq=3, received=OVER + WEEK)
    assert reason(lake, DAY + WEEK) is None
    lake.table(RAW).delete(f"event_day = '{DAY}' and play_id = 'p{DAY}-0'")
    assert "3 of the 4 comparable days" in why(lake)[1]


def test_a_closed_week_counts_with_the_rows_that_were_declared(lake: Lake) -> None:
    land_history(lake, *weeks_before(DAY, 1, 2, 3, 4), rows=10)
    close_days(lake, RAW, dict.fromkeys(weeks_before(DAY, 1, 2, 3), 20))
    land_rows(lake, DAY, 18, seq=2, received=OVER)
    assert why(lake)[1].startswith("short: 18 of 20 rows")


def publish(lake: Lake, day: date, rows: int = 20) -> None:
    plays = [core_play(day, f"p{number}") for number in range(rows)]
    run = prepare(lake, PLAYS, day, plays, pins=(pin(lake, RAW, {day: 1}),))
    move_to_main(lake, run, lambda _: ())


def test_published_days_are_history_and_withdrawn_ones_are_not(lake: Lake) -> None:
    days = weeks_before(DAY, 1, 2, 3, 4)
    close_days(lake, RAW, {days[3]: 20})
    land_history(lake, *days, close=False)
    for day in days[:3]:
        publish(lake, day)
    land_rows(lake, DAY, 20, seq=2, received=OVER)
    assert reason(lake) is None
    newest = history(lake, PLAYS).newest(days[0])
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert why(lake)[0] == "open"


def test_a_day_is_not_complete_before_its_source_was_heard_after_its_end(lake: Lake) -> None:
    land_history(lake, *weeks_before(DAY, 1, 2, 3, 4))
    land_rows(lake, DAY, 40, seq=2, received=OVER - timedelta(seconds=1))
    kind, detail = why(lake)
    assert (kind, "the day is not over" in detail) == ("open", True)
    land_rows(lake, DAY, 1, seq=3, received=OVER)
    assert reason(lake) is None


def test_a_closed_day_is_over_whatever_was_heard(lake: Lake) -> None:
    land_rows(lake, DAY, 20, seq=1, received=OVER - timedelta(hours=9))
    close_days(lake, RAW, {DAY: 20})
    assert reason(lake) is None


def test_a_history_of_empty_days_lets_no_silence_pass(lake: Lake) -> None:
    close_days(lake, RAW, dict.fromkeys(weeks_before(DAY, 1, 2, 3, 4), 0))
    land_rows(lake, DAY - timedelta(days=1), 1, seq=1, received=OVER)
    assert why(lake)[0] == "open"


def test_a_day_published_by_its_history_is_not_judged_by_it_again(lake: Lake) -> None:
    days = weeks_before(DAY, 1, 2, 3, 4)
    land_history(lake, *days)
    land_rows(lake, DAY, 20, seq=2, received=OVER)
    publish(lake, DAY)
    declare(lake, [Manifest(RAW, days[0], 20, False, None, OVER)])
    assert reason(lake) is None
    assert Validity(lake).status(PLAYS, DAY).valid


def test_a_first_day_that_is_opened_again_stays_the_first_of_the_lake(lake: Lake) -> None:
    close_days(lake, RAW, {D1: 0, D1 + timedelta(days=1): 0})
    declare(lake, [Manifest(RAW, D1, 0, False, None, OVER)])
    assert Validity(lake).valid_from == D1
    assert why(lake, D1)[0] == "open"
