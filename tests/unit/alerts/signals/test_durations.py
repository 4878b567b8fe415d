"""For how long a run may take is learned from runs of the same weekday."""

from datetime import timedelta

from tests.support.alerts import T0

from matinee.alerts.model import NEVER
from matinee.alerts.signals.durations import MARGIN, Ran, signal_of, usual

HOUR = timedelta(hours=1)


def ran(days_ago: int, hours: float) -> Ran:
    begun = T0 - timedelta(days=days_ago)
    return Ran(begun, begun + hours * HOUR)


def test_the_same_weekday_counts_where_enough_of_them_are_known() -> None:
    known = [ran(7, 3), ran(14, 2), ran(21, 2), *(ran(day, 1) for day in range(1, 6))]
    assert usual(known, T0.weekday()) == 6 * HOUR + MARGIN


def test_all_days_count_where_few_of_the_same_weekday_are_known() -> None:
    assert usual([ran(day, 1) for day in range(1, 6)], T0.weekday()) == 2 * HOUR + MARGIN


def test_too_few_runs_prove_nothing() -> None:
    assert usual([ran(1, 1)], T0.weekday()) is None
    assert signal_of("d", "r", T0, []).limit == NEVER


def test_the_age_of_a_run_counts_from_its_waiting() -> None:
    assert signal_of("d", "r", T0, []).measured(T0 + HOUR) == 3600
