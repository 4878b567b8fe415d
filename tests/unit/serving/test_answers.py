"""Answers as pure functions: base and delta together are the sums over all impressions, in every order and page."""

from datetime import datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.averages import END, Shown, averages

from matinee.days import instant_of, micros_of
from matinee.serving import answers
from matinee.serving.answers import Part, Row
from matinee.serving.impressions import KEY, Seen, faded

EXACT = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
AT = END + timedelta(days=3)
TITLES, LOCATIONS = ["t", "t1", "t\x00", "é", "\U0001f600"], ["billboard", "top", "bottom"]
SHOWN = st.lists(
    st.builds(
        lambda title, location, minutes: Shown("a", title, END + timedelta(minutes=minutes), location),
        st.sampled_from(TITLES),
        st.sampled_from(LOCATIONS),
        st.integers(-365 * 1440, 3 * 1440),
    ),
    max_size=20,
)


def parts(shown: list[Shown], as_of: datetime) -> list[Part]:
    """What a base as of an instant, or the tiles of a day, have of impressions, faded to AT."""
    groups = groupby(sorted(shown, key=key_of), key_of)
    age_us = micros_of(AT) - micros_of(as_of)
    return [(key, seen(list(group), as_of, age_us)) for key, group in groups]


def key_of(shown: Shown) -> bytes:
    return KEY.encode([shown.profile, shown.title, shown.location])


def seen(shown: list[Shown], as_of: datetime, age_us: int) -> Seen:
    last = micros_of(max(each.when for each in shown))
    return Seen(len(shown), last, 0, 0, faded(averages(shown, as_of).values(), age_us))


def rows(shown: list[Shown]) -> list[Row]:
    """The rows of a base as of END and of the tiles of the days after."""
    base = parts([each for each in shown if each.when < END], END)
    newer = [each for each in shown if each.when >= END]
    days = [[each for each in newer if (each.when - END).days == day] for day in range(4)]
    tiles = [part for day, of_day in enumerate(days) for part in parts(of_day, END + timedelta(days=day + 1))]
    tiles.sort(key=lambda part: part[0])
    return list(answers.rows(base, tiles, lambda key: KEY.decode(key)[1:]))  # type: ignore[arg-type,return-value]


@settings(EXACT, max_examples=100)
@given(shown=SHOWN, is_summed=st.booleans())
def test_rows_are_the_sums_over_all_impressions(shown: list[Shown], is_summed: bool) -> None:
    told = list(answers.summed(rows(shown))) if is_summed else rows(shown)
    wanted: dict[tuple[str, str], list[Shown]] = {}
    for each in shown:
        wanted.setdefault((each.title, "" if is_summed else each.location), []).append(each)
    assert [row[:2] for row in told] == sorted(wanted)
    for row in told:
        own = wanted[row[:2]]
        assert row.seen.impressions == len(own)
        assert instant_of(row.seen.last_us or 0) == max(each.when for each in own)
        assert list(row.seen.averages) == pytest.approx(list(averages(own, AT).values()), rel=1e-9)


@settings(EXACT, max_examples=60)
@given(shown=SHOWN, order=st.integers(0, 7), limit=st.integers(1, 6))
def test_pages_are_the_rows_in_order_each_once(shown: list[Shown], order: int, limit: int) -> None:
    every, told, after = rows(shown), list[Row](), None
    while True:
        page, after = answers.page(every, order, limit, after)
        told += page
        assert len(page) <= limit
        if after is None:
            break
    assert told == sorted(every, key=lambda row: answers.place(row, order))
