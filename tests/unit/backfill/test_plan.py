"""A backfill restates the keys that read restated days, by each dataset's own cadence; what stands alone, once."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, kept, land_days, make_lake
from tests.support.weeks import (
    BEGIN,
    PLAYS,
    W1,
    W2,
    W3,
    WEEKS,
    publish_week,
    weekly,
    with_plays,
)

from matinee.backfill.plan import PlannedDag, newest_publications, plan_backfill
from matinee.errors import UsageError
from matinee.table.catalog import Lake

DAY = timedelta(days=1)
kept_lake, lake = kept(with_plays, weekly())


def planned(lake: Lake, dataset: str, first: date, last: date) -> dict[str, PlannedDag]:
    return {dag.dag_id: dag for dag in plan_backfill(lake.settings, dataset, first, last)}


def weeks(lake: Lake, dataset: str, first: date, last: date) -> tuple[date, date, int] | None:
    """The keys of the weekly dataset that a backfill of a dataset restates: first, last, and how many."""
    dag = planned(lake, dataset, first, last).get("plays_by_device_weekly")
    return (dag.first, dag.last, dag.keys) if dag else None


def test_the_keys_of_a_weekly_dataset_are_its_sundays(lake: Lake) -> None:
    assert weeks(lake, WEEKS, BEGIN, W3 - DAY) == (W1, W2, 2)
    [dag] = plan_backfill(lake.settings, WEEKS, BEGIN, W3 - DAY)
    assert sorted(newest_publications(lake, dag)) == [(WEEKS, W1), (WEEKS, W2)]


def test_a_range_without_a_key_is_refused_with_the_next_key(lake: Lake) -> None:
    with pytest.raises(UsageError, match="none of its keys lies from 2026-03-09 to 2026-03-14") as caught:
        plan_backfill(lake.settings, WEEKS, W2 + DAY, W3 - DAY)
    assert caught.value.next_step.startswith(f"Name {W3}")


def test_published_weeks_that_read_a_restated_day_are_restated(lake: Lake) -> None:
    for key in (W1, W2, W3):
        publish_week(lake, key)
    assert weeks(lake, PLAYS, W1, W2 - DAY) == (W1, W2, 2)


def test_a_week_that_was_never_published_is_not_restated(lake: Lake) -> None:
    assert weeks(lake, PLAYS, BEGIN, W3) is None


def test_days_whose_labels_are_not_final_by_then_are_left_to_the_daily_run(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    land_days(lake, D1, D2, D3)
    tiles = planned(lake, PLAYS, D1, D3)["impression_daily"]
    assert (tiles.first, tiles.last, tiles.keys) == (D1, D2, 2)
    assert "impression_daily" not in planned(lake, PLAYS, D1, D1)
