"""Keys of a dataset: every day, or the Sunday of each week."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.contracts.cadence import CADENCES, Cadence

DAILY, WEEKLY = CADENCES["daily"], CADENCES["weekly"]
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
SUNDAY = date(2026, 3, 1)


def test_a_weekly_key_is_a_sunday() -> None:
    assert [*WEEKLY.keys(SUNDAY - timedelta(days=1), date(2026, 3, 15))] == [
        SUNDAY,
        date(2026, 3, 8),
        date(2026, 3, 15),
    ]


def test_every_day_is_a_daily_key() -> None:
    assert [*DAILY.keys(SUNDAY, date(2026, 3, 3))] == [SUNDAY, date(2026, 3, 2), date(2026, 3, 3)]


@pytest.mark.parametrize("cadence", [DAILY, WEEKLY], ids=["daily", "weekly"])
def test_a_range_that_ends_before_it_begins_has_no_key(cadence: Cadence) -> None:
    assert [*cadence.keys(SUNDAY, date(2026, 2, 28))] == []


@given(first=DAYS, days=st.integers(0, 60))
def test_keys_of_a_range_are_its_sundays(first: date, days: int) -> None:
    every = [first + timedelta(days=n) for n in range(days + 1)]
    assert [*WEEKLY.keys(first, every[-1])] == [day for day in every if day.isoweekday() == 7]


@given(day=DAYS)
def test_the_key_after_a_day_is_the_next_sunday(day: date) -> None:
    after = WEEKLY.after(day)
    assert (after.isoweekday(), 1 <= (after - day).days <= 7) == (7, True)
    assert WEEKLY.first_from(after) == after
    assert DAILY.after(day) == day + timedelta(days=1)
