"""VTTS, freshness, and the days that are owed and healed step by a contract's cadence."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.lakes import kept
from tests.support.weeks import (
    BEGIN,
    W1,
    W2,
    W3,
    WEDNESDAY,
    WEEKS,
    publish_plays,
    publish_week,
    stale,
    vtts,
    weekly,
    with_plays,
)

from matinee.alerts.signals.days import invalid_days
from matinee.days import end_of
from matinee.errors import UsageError
from matinee.healing.day_states import states_of
from matinee.publication.plan import plan
from matinee.publication.request import RunRequest
from matinee.table.catalog import Lake
from matinee.validity.ages import Age
from matinee.validity.validity import Validity

kept_lake, lake = kept(with_plays, weekly())


def test_vtts_is_the_end_of_the_unbroken_run_of_weeks(lake: Lake) -> None:
    assert vtts(lake) is None
    publish_week(lake, W1)
    assert vtts(lake) == end_of(W1)
    publish_week(lake, W3)
    assert vtts(lake) == end_of(W1)
    publish_week(lake, W2)
    assert vtts(lake) == end_of(W3)


def test_the_next_week_holds_vtts_not_the_next_day(lake: Lake) -> None:
    publish_week(lake, W1)
    held = Validity(lake).vtts(WEEKS).held_by
    assert held is not None
    assert (held.day, held.kind) == (W2, "unpublished")


def test_a_day_between_two_weeks_neither_breaks_nor_extends_the_run(lake: Lake) -> None:
    publish_week(lake, W1)
    publish_week(lake, WEDNESDAY)
    assert vtts(lake) == end_of(W1)
    publish_week(lake, W2)
    assert vtts(lake) == end_of(W2)


def test_the_first_owed_key_is_the_first_sunday_of_the_lake(lake: Lake) -> None:
    assert Validity(lake).owed_from(WEEKS) == W1
    assert Validity(lake).owed_keys(WEEKS, BEGIN, W3).tolist() == [W1, W2, W3]


def test_freshness_is_the_age_of_the_last_week(lake: Lake) -> None:
    publish_week(lake, W1)
    age = Age.of(Validity(lake), lake.registry.get(WEEKS))
    monday = datetime(2026, 3, 9, tzinfo=UTC)
    assert (age.at(monday), age.is_late(monday)) == (timedelta(days=7), False)
    assert age.is_late(monday + timedelta(days=2, microseconds=1))


def test_only_weeks_are_days_of_a_weekly_dataset(lake: Lake) -> None:
    publish_week(lake, W1)
    [shown] = states_of(Validity(lake), datasets=[WEEKS])
    assert (sorted(shown.days), {day: state.state for day, state in shown.others.items()}) == (
        [W1, W2, W3],
        {W2: "open", W3: "open"},
    )


def test_every_published_week_that_read_a_restated_day_is_healed(lake: Lake) -> None:
    for key in (W1, W2, WEDNESDAY):
        publish_week(lake, key)
    publish_plays(lake, [W2], generation=2, stamp="b" * 16)
    assert stale(lake) == [(WEEKS, W2), (WEEKS, WEDNESDAY)]
    assert vtts(lake) == end_of(W1)
    held = Validity(lake).vtts(WEEKS).held_by
    assert held is not None
    assert (held.day, held.kind) == (W2, "restated")


def test_an_alert_looks_at_weeks_only(lake: Lake) -> None:
    publish_week(lake, W1)
    assert list(invalid_days(Validity(lake), WEEKS, W3 + timedelta(days=6))) == [W2, W3]


def test_a_run_publishes_one_week(lake: Lake) -> None:
    with pytest.raises(UsageError, match="is weekly: a run publishes one key") as caught:
        plan(lake, RunRequest(WEEKS, BEGIN, W2))
    assert caught.value.next_step.endswith("there are: 2026-03-01, 2026-03-08.")
