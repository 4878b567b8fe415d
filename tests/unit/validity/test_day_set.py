"""A `DaySet` holds the same days as a set of dates."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.support.lakes import D1, D2, D3

from matinee.validity.day_set import DaySet

DAYS = st.sets(st.dates(D1, D1 + timedelta(days=9)))


def test_an_empty_set_has_no_day() -> None:
    assert (list(DaySet()), len(DaySet()), D1 in DaySet(), DaySet().unbroken_from(D1)) == ([], 0, False, 0)


def test_a_run_of_days_ends_before_the_first_that_lacks() -> None:
    days = DaySet.of([D1, D2, D3 + timedelta(days=1)])
    assert (days.unbroken_from(D1), days.unbroken_from(D2), days.unbroken_from(D3)) == (2, 1, 0)


@given(DAYS, st.dates(D1, D1 + timedelta(days=9)))
def test_a_run_is_as_long_as_one_counted_by_hand(days: set[date], first: date) -> None:
    length = 0
    while first + timedelta(days=length) in days:
        length += 1
    assert (DaySet.of(days).unbroken_from(first), DaySet.of(days)) == (length, days)


@given(DAYS, DAYS)
def test_operators_are_those_of_sets(left: set[date], right: set[date]) -> None:
    days = DaySet.of(left)
    assert (days & right, days | right, days - right) == (left & right, left | right, left - right)
