"""What looks at Airflow prove about days of the lake."""

from datetime import date, timedelta

import pytest
from tests.support.alerts import T0, day, rule, signal

from matinee.alerts.folding import fold
from matinee.alerts.judging import alarms
from matinee.alerts.linking import BACKFILLS, Backfill, linked
from matinee.alerts.model import Identity, Sighting, Signal

PLAYS, JOIN = "core.plays", "core.play_attributions"
BACKFILL = Backfill(7, "plays_daily", date(2026, 3, 1), date(2026, 3, 9))
RUN = Identity("failed", "plays_daily.write")


def stale(dataset: str, number: int, root: Identity, dag: str = "plays_daily") -> Signal:
    """A day that is not valid because of a root."""
    own = day(number, dataset, "stale")
    return signal(own, root, kind="freshness", dataset=dataset, dag=dag, since=T0 - timedelta(9), limit=1.0)


def told(*signals: Signal, backfills: tuple[Backfill, ...] = ()) -> list[str]:
    """The causes that are told."""
    seen = linked(signals, {BACKFILLS: backfills})
    judged = alarms([rule("freshness"), rule()], [Sighting(each, T0) for each in seen], T0)
    return [str(cause.root) for cause in fold(judged, seen)]


@pytest.mark.parametrize(("number", "causes"), [(9, []), (10, ["core.plays unpublished, 2026-03-10"])])
def test_a_day_that_a_backfill_publishes_is_not_judged(number: int, causes: list[str]) -> None:
    assert told(stale(PLAYS, number, day(number, PLAYS)), backfills=(BACKFILL,)) == causes


def test_a_day_that_follows_from_days_of_a_backfill_alone_is_not_judged() -> None:
    plays = stale(PLAYS, 9, day(9, PLAYS))
    join = stale(JOIN, 9, day(9, PLAYS), dag="join_daily")
    assert told(plays, join, backfills=(BACKFILL,)) == []


def test_a_day_that_follows_from_another_cause_too_is_told_of_that_cause() -> None:
    plays = stale(PLAYS, 9, day(9, PLAYS))
    own = day(9, JOIN, "stale")
    both = signal(own, day(9, PLAYS), day(9, "core.impressions"), kind="freshness", dataset=JOIN, dag="join_daily")
    assert told(plays, both, backfills=(BACKFILL,)) == ["core.impressions unpublished, 2026-03-09"]


def test_a_day_that_was_not_published_follows_from_the_failure_of_its_run() -> None:
    root = signal(day(9, PLAYS), kind="freshness", dataset=PLAYS, value=0.0)
    failure = signal(RUN, dataset=PLAYS, facts={"day": "2026-03-09"})
    assert told(stale(PLAYS, 9, day(9, PLAYS)), root, failure) == [str(RUN)]
