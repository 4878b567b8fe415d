"""The first day of a lake: rows of a wrong clock, more than a week before all other rows, do not decide it."""

from datetime import date, timedelta

import pytest
from tests.support.lakes import D1, D2, D3

from matinee.landing.declarations import beginning

WEEK, DAY = timedelta(weeks=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "first"),
    [
        ([], None),
        ([D3], D3),
        ([D2, D1, D3], D1),
        ([D1, D1 + WEEK], D1),
        ([D1, D1 + WEEK + DAY], D1 + WEEK + DAY),
        ([D1, D1 + WEEK, D1 + 2 * WEEK], D1),
        ([D1, D1 + WEEK + DAY, D1 + 2 * WEEK], D1 + WEEK + DAY),
    ],
)
def test_a_lake_begins_with_the_days_that_lead_to_the_last_one(days: list[date], first: date | None) -> None:
    assert beginning(days) == first
