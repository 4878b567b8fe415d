"""Schedule and sensor of a weekly dataset step by the cadence of its contract."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.lakes import kept
from tests.support.weeks import PLAYS, W1, W2, WEEKS, weekly, with_plays, withdraw_day

from matinee.settings import CHECKOUT, load_settings
from matinee.table.catalog import Lake

if TYPE_CHECKING:
    from airflow.sdk import CronPartitionTimetable

pytestmark = pytest.mark.airflow
kept_lake, lake = kept(with_plays, weekly())


@pytest.fixture
def schedule(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> "CronPartitionTimetable":
    from matinee_airflow.policy import each_key

    monkeypatch.setenv("MATINEE_SQL_DIR", str(lake.settings.sql_dir))
    return each_key(WEEKS)


def test_the_run_of_a_week_begins_with_its_sunday(schedule: "CronPartitionTimetable") -> None:
    from airflow.timetables.trigger import CronPartitionTimetable as Scheduled

    scheduled = Scheduled.deserialize({
        "expression": schedule.expression,
        "timezone": "UTC",
        "run_offset": schedule.run_offset,
        "key_format": schedule.key_format,
    })  # fmt: skip
    begin, end = datetime(2026, 2, 25, tzinfo=UTC), datetime(2026, 3, 14, tzinfo=UTC)
    infos = scheduled.iter_partition_dagrun_infos(earliest=begin, latest=end)
    assert [info.partition_key for info in infos] == [str(W1), str(W2)]


def test_a_week_waits_for_each_of_its_days(lake: Lake) -> None:
    from matinee_airflow.triggers import waits_for

    assert waits_for(lake.settings, WEEKS, str(W2)) == ""
    withdraw_day(lake, PLAYS, W1 + timedelta(days=1))
    assert waits_for(lake.settings, WEEKS, str(W2)).startswith(f"{PLAYS} 2026-03-02: withdrawn")
    assert waits_for(lake.settings, WEEKS, str(W1)) == ""


def test_a_week_is_given_the_time_until_its_own_day_has_ended(lake: Lake) -> None:
    from matinee_airflow.triggers import matures_after

    assert matures_after(lake.settings, WEEKS) == timedelta(days=1)
    shipped = load_settings(sql_dir=CHECKOUT / "sql")
    assert matures_after(shipped, "features.impression_daily") == timedelta(days=2)
    assert matures_after(shipped, "features.impression_ema") == timedelta(days=3)
