"""Arrival curves: what is on its way, what is lost, and what is worth a repair."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.healing.arrival_curve import (
    LAST_STEP,
    PATIENCE,
    STEP,
    ArrivalCurve,
    Heard,
    is_due,
    judge,
    silence,
    usual_gap,
)

MINUTES = timedelta(minutes=1)
HOURS = timedelta(hours=1)
#: Days of 1,000 rows: 80, 82 and 78 % by the end of the day, the rest within the hour.
DAYS = [{0: 800, 2: 120, 5: 80}, {0: 820, 2: 100, 5: 80}, {0: 780, 2: 140, 5: 80}]
CURVE = ArrivalCurve.learn(DAYS)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def constant(days: int, share: float = 0.8) -> list[dict[int, int]]:
    """Days that have this share when they end and the rest an hour later."""
    return [{0: round(1000 * share), 5: 1000 - round(1000 * share)}] * days


def test_the_curve_says_what_share_earlier_days_had_at_an_age() -> None:
    assert CURVE is not None
    assert CURVE.expected(15 * MINUTES).middle == 0.8
    assert CURVE.expected(10 * STEP).least == 1.0
    assert CURVE.expected(5 * MINUTES).middle == 0.0


def test_too_few_days_teach_nothing() -> None:
    assert ArrivalCurve.learn(DAYS[:2]) is None
    assert judge(None, 900, 1000, 0.95, MINUTES).kind == "unknown"


def test_rows_that_arrived_far_from_their_day_cost_no_more_than_others() -> None:
    wild = {-7: 1, 0: 798, 2: 120, 5: 80, 3_900_000: 1}
    curve = ArrivalCurve.learn([*DAYS, wild])
    assert curve is not None
    assert len(curve.by_step) == LAST_STEP + 1
    assert curve.shares[-1][0] == 0.799
    assert [shares[-1] for shares in curve.shares] == [1.0] * 4


@pytest.mark.parametrize(("days", "least"), [(3, 0.8 - 0.05 * (1 + 28 / 3)), (14, 0.65)])
def test_the_fewer_days_are_known_the_farther_a_day_may_lie_from_them(days: int, least: float) -> None:
    worst = 2 if days == 14 else 1
    curve = ArrivalCurve.learn(constant(days - worst) + constant(worst, 0.75))
    assert curve is not None
    assert curve.expected(STEP).least == pytest.approx(least)


def test_of_a_fortnight_the_worst_day_is_left_out() -> None:
    curve = ArrivalCurve.learn([*constant(13), {0: 300, 60: 700}])
    assert curve is not None
    assert curve.expected(STEP).least == 0.8


def test_a_shortfall_that_earlier_days_had_as_well_is_waited_for() -> None:
    judgement = judge(CURVE, 8_000, 10_000, 0.95, 20 * MINUTES)
    assert (judgement.kind, judgement.wait) == ("wait", 40 * MINUTES)
    assert judgement.words == "8,000 of 10,000 rows (80%); 80% expected by now, wait 40 min"


def test_a_shortfall_beyond_what_days_differ_by_is_lost() -> None:
    assert judge(CURVE, 7_000, 10_000, 0.95, 20 * MINUTES).kind == "wait"
    judgement = judge(CURVE, 5_500, 10_000, 0.95, 20 * MINUTES)
    assert judgement.kind == "lost"
    assert judgement.words == "5,500 of 10,000 rows (55%); 80% expected by now, 59% at the least"


def test_what_is_missing_when_all_have_arrived_is_lost() -> None:
    assert judge(CURVE, 9_400, 10_000, 0.95, 3 * HOURS).kind == "lost"


def test_enough_is_enough_at_any_age() -> None:
    assert judge(CURVE, 9_500, 10_000, 0.95, timedelta(0)).kind == "enough"


def test_while_its_source_is_silent_a_day_does_not_age() -> None:
    assert judge(CURVE, 7_000, 10_000, 0.95, 3 * HOURS).kind == "lost"
    judgement = judge(CURVE, 7_000, 10_000, 0.95, 3 * HOURS, silent=3 * HOURS)
    assert (judgement.kind, judgement.wait) == ("wait", HOURS)
    assert "the source was silent for 180 min" in judgement.words


def test_a_source_that_is_silent_for_too_long_is_a_matter_for_a_person() -> None:
    judgement = judge(CURVE, 6_500, 10_000, 0.95, 13 * HOURS, silent=PATIENCE + MINUTES)
    assert judgement.kind == "lost"
    assert judgement.words.endswith("; the source was silent for 721 min, too long to wait")


@given(
    days=st.lists(st.dictionaries(st.integers(0, 30), st.integers(1, 100), min_size=1), min_size=3, max_size=9),
    share=st.floats(0.1, 1.0),
)
def test_from_the_age_that_is_named_on_no_normal_day_lacks_the_share(days: list[dict[int, int]], share: float) -> None:
    curve = ArrivalCurve.learn(days)
    assert curve is not None
    age = curve.age_at(share)
    assert all(curve.expected(age + more * STEP).least >= share - 1e-9 for more in range(31))
    assert age == STEP or curve.expected(age - STEP).least < share


@given(days=st.lists(st.dictionaries(st.integers(0, 30), st.integers(1, 100), min_size=1), min_size=3, max_size=3))
def test_a_day_that_the_curve_was_learned_from_is_never_lost(days: list[dict[int, int]]) -> None:
    curve = ArrivalCurve.learn(days)
    for day in days:
        rows = sum(day.values())
        for step in range(31):
            landed = sum(count for at, count in day.items() if at <= step)
            assert judge(curve, landed, rows, 0.95, (step + 1) * STEP).kind in ("enough", "wait")


def test_a_repair_is_due_when_as_much_came_late_as_is_still_on_its_way() -> None:
    assert not is_due(CURVE, 79, 1_000, 30 * MINUTES)
    assert is_due(CURVE, 80, 1_000, 30 * MINUTES)
    assert is_due(CURVE, 1, 1_000, 2 * HOURS)
    assert is_due(None, 1, 1_000, timedelta(0))


def heard(*hours: tuple[float, float]) -> list[Heard]:
    return [(MIDNIGHT + first * HOURS, MIDNIGHT + last * HOURS) for first, last in hours]


def test_gaps_beyond_the_usual_are_silence_and_so_is_one_that_goes_on() -> None:
    intervals = heard((0, 2), (2.5, 3), (1, 2.2), (7, 8))
    assert silence(intervals, MIDNIGHT, MIDNIGHT + 8 * HOURS, HOURS) == 4 * HOURS
    assert silence(intervals, MIDNIGHT, MIDNIGHT + 10 * HOURS, HOURS) == 6 * HOURS
    assert silence(intervals, MIDNIGHT, MIDNIGHT + 5 * HOURS, HOURS) == 2 * HOURS
    assert silence([], MIDNIGHT, MIDNIGHT + 5 * HOURS, HOURS) == 5 * HOURS


def test_a_source_that_comes_every_six_hours_is_not_silent_in_between() -> None:
    week = heard(*((hour, hour) for hour in range(-168, 1, 6)))
    assert usual_gap(week, MIDNIGHT) == 12 * HOURS
    assert silence(week, MIDNIGHT, MIDNIGHT + 10 * HOURS, usual_gap(week, MIDNIGHT)) == timedelta(0)


def test_an_outage_of_the_week_before_does_not_make_gaps_usual() -> None:
    week = heard(*((hour, hour) for hour in range(-168, 1) if not -30 <= hour < -20))
    assert usual_gap(week, MIDNIGHT) == 2 * HOURS


def test_where_nothing_was_heard_before_an_hour_is_usual() -> None:
    assert usual_gap([], MIDNIGHT) == HOURS
