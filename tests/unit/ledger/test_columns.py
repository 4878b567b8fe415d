"""Values of days, looked up for many days at once, are those of a mapping."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lakes import D1

from matinee.ledger.columns import numbers_of, values_on

DAYS = st.dates(D1, D1 + timedelta(days=9))


@given(st.dictionaries(DAYS, st.integers(0, 99)), st.lists(DAYS))
def test_each_day_has_its_value_or_what_stands_for_none(by_day: dict[date, int], asked: list[date]) -> None:
    values = values_on(np.array(asked, "datetime64[D]"), *numbers_of(by_day), -1)
    assert values.tolist() == [by_day.get(day, -1) for day in asked]


def test_values_have_the_shape_of_the_days() -> None:
    days = np.array([[D1, D1]], "datetime64[D]")
    assert (values_on(days, *numbers_of({D1: 7}), 0).shape, values_on(days, *numbers_of({}), 0).shape) == ((1, 2),) * 2
