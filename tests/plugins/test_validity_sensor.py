"""The sensor: which day it waits for and why, and how the wait ends."""

import asyncio
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.test_worked_example import snippet
from tests.support.alerts import stale_datasets, stale_days
from tests.support.lakes import D1, D2, land, prepare, raw_play

from matinee.errors import DroppedError, TerminalError
from matinee.ledger.dropping import drop_before
from matinee.publication.move import move_to_main
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake
from matinee.validity.manifests import Manifest, declare
from matinee.validity.reasons import DayStatus
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    from matinee_airflow.sensors import ValiditySensor

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path))
    return Lake.open(load_settings())


def close(lake: Lake, dataset: str, day: str, rows: int = 0) -> None:
    declare(lake, [Manifest(dataset, date.fromisoformat(day), rows, True, None, datetime(2026, 3, 2, tzinfo=UTC))])


def waiting(settings: Settings, dataset: str, key: str) -> str:
    from matinee_airflow.triggers import waits_for

    return waits_for(settings, dataset, key)


def sensor(dataset: str, key: str) -> "ValiditySensor":
    from airflow.sdk import DAG

    from matinee_airflow.sensors import ValiditySensor

    with DAG("some_dag", schedule=None):
        return ValiditySensor(task_id="wait", dataset=dataset, key=key)


def test_a_day_that_nothing_closes_is_waited_for_with_the_reason(lake: Lake) -> None:
    close(lake, "raw.impressions", "2026-03-01")
    assert waiting(lake.settings, "core.plays", "2026-03-01").startswith(
        "raw.plays 2026-03-01: open: 0 rows landed and nothing closes the day"
    )


def test_a_lake_in_which_nothing_ever_landed_is_waited_for(lake: Lake) -> None:
    assert waiting(lake.settings, "core.plays", "2026-03-01")


def test_a_day_with_too_few_rows_is_waited_for(lake: Lake) -> None:
    close(lake, "raw.plays", "2026-03-01", rows=100)
    assert "short: 0 of 100 rows" in waiting(lake.settings, "core.plays", "2026-03-01")


def test_a_closed_day_is_not_waited_for(lake: Lake) -> None:
    close(lake, "raw.plays", "2026-03-01")
    assert waiting(lake.settings, "core.plays", "2026-03-01") == ""


def test_one_bad_day_does_not_stop_the_days_after_it(lake: Lake) -> None:
    close(lake, "raw.plays", "2026-03-01", rows=100)
    close(lake, "raw.plays", "2026-03-02")
    assert waiting(lake.settings, "core.plays", "2026-03-02") == ""


def test_a_dropped_day_is_not_waited_for_and_other_days_are(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)])
    drop_before(lake.table("raw.plays"), lake.registry.get("raw.plays"), D2)
    with pytest.raises(DroppedError, match=r"core.plays 2026-03-01 is not derived again"):
        waiting(lake.settings, "core.plays", str(D1))
    assert waiting(lake.settings, "core.plays", str(D2)) == ""


def test_the_join_names_the_file_at_the_end_of_the_chain(lake: Lake) -> None:
    close(lake, "raw.impressions", "2026-03-01")
    lines = waiting(lake.settings, "core.play_attributions", "2026-03-01").splitlines()
    assert lines[0] == "core.plays 2026-03-01: no publication"
    assert lines[1].strip().startswith("raw.plays 2026-03-01: open")
    assert "matinee ingest raw.plays --close-through 2026-03-01" in lines[-1]


@pytest.mark.parametrize("is_published", [True, False])
def test_optional_inputs_are_not_waited_for_and_the_others_are(lake: Lake, is_published: bool) -> None:
    close(lake, "raw.impressions", "2026-03-01")
    if is_published:
        move_to_main(lake, prepare(lake, "core.impressions", D1, []), lambda _: ())
    waits = waiting(lake.settings, "core.impression_plays", "2026-03-01")
    assert waits.partition("\n")[0] == ("" if is_published else "core.impressions 2026-03-01: no publication")


def test_the_sensor_ends_at_once_where_the_inputs_are_valid(lake: Lake) -> None:
    close(lake, "raw.plays", "2026-03-01")
    assert sensor("core.plays", "2026-03-01").execute({}) is None


def test_the_sensor_leaves_its_worker_while_it_waits(lake: Lake) -> None:
    from airflow.sdk.exceptions import TaskDeferred

    from matinee_airflow.sensors import WAIT_AT_MOST

    with pytest.raises(TaskDeferred) as deferred:
        sensor("core.plays", "2026-03-01").execute({})
    assert deferred.value.timeout == WAIT_AT_MOST
    assert deferred.value.trigger.serialize() == (
        "matinee_airflow.triggers.ValidityTrigger",
        {"dataset": "core.plays", "key": "2026-03-01", "poll_s": 5},
    )


def test_a_wait_that_takes_too_long_fails_and_says_what_to_do() -> None:
    from airflow.sdk.bases.operator import TriggerFailureReason

    with pytest.raises(TerminalError, match=r"core\.plays 2026-03-01 did not come in time.*vtts explain"):
        sensor("core.plays", "2026-03-01").resume_execution(
            "__fail__", {"error": TriggerFailureReason.TRIGGER_TIMEOUT}, {}
        )


def test_a_trigger_that_crashed_fails_the_task_and_airflow_tries_it_again() -> None:
    from airflow.sdk import RetryAction
    from airflow.sdk.bases.operator import TriggerFailureReason
    from airflow.sdk.exceptions import TaskDeferralError

    from matinee_airflow.retries import RETRY_POLICY

    with pytest.raises(TaskDeferralError) as crashed:
        sensor("core.plays", "2026-03-01").resume_execution(
            "__fail__", {"error": TriggerFailureReason.TRIGGER_FAILURE, "traceback": ["KeyError: 'x'"]}, {}
        )
    assert RETRY_POLICY.evaluate(crashed.value, 1, 3).action is RetryAction.DEFAULT


def test_a_lake_that_does_not_answer_at_first_is_waited_for(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import TaskDeferred

    close(lake, "raw.plays", "2026-03-01")
    blip(monkeypatch, OSError("AWS Error SLOW_DOWN during GetObject operation"))
    with pytest.raises(TaskDeferred):
        sensor("core.plays", "2026-03-01").execute({})


def blip(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> None:
    """Have the next looks at declared days fail, one error each."""
    left, look = [*errors], Validity.status

    def failing(self: Validity, dataset: str, day: date) -> DayStatus:
        if left:
            raise left.pop(0)
        return look(self, dataset, day)

    monkeypatch.setattr(Validity, "status", failing)


def test_the_trigger_outlasts_a_storage_that_does_not_answer_for_a_while(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlalchemy.exc import InterfaceError

    from matinee_airflow.triggers import ValidityTrigger

    close(lake, "raw.plays", "2026-03-01")
    gone, closed = FileNotFoundError("v2.metadata.json"), InterfaceError("", {}, Exception("closed"))
    blip(monkeypatch, gone, closed, OSError("503"))

    async def first() -> object:
        return (await asyncio.wait_for(anext(ValidityTrigger("core.plays", "2026-03-01", 0.05).run()), 20)).payload

    caplog.set_level("INFO")
    assert asyncio.run(first()) == {"valid": "2026-03-01"}
    told = [record.getMessage() for record in caplog.records if "cannot be looked at (" in record.getMessage()]
    assert len(told) == 3


def test_the_longer_a_storage_does_not_answer_the_rarer_it_is_asked() -> None:
    from matinee_airflow.triggers import pause_s

    assert [pause_s(5, failures) for failures in (0, 1, 2, 9)] == [5, 10, 20, 300]
    assert pause_s(600, 2) == 600


def test_the_trigger_fires_once_the_day_is_closed(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    from matinee_airflow.triggers import ValidityTrigger

    async def wait() -> object:
        events = ValidityTrigger("core.plays", "2026-03-01", 0.05).run()
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.5)
        assert not first.done()
        await asyncio.to_thread(close, lake, "raw.plays", "2026-03-01")
        return (await asyncio.wait_for(first, timeout=20)).payload

    caplog.set_level("INFO")
    assert asyncio.run(wait()) == {"valid": "2026-03-01"}
    told = [record.getMessage() for record in caplog.records if "waits for" in record.getMessage()]
    assert len(told) == 1  # said once, not at every look
    assert "raw.plays 2026-03-01: open" in told[0]


def test_a_wait_for_an_unknown_dataset_fails_instead_of_going_on_for_ever(lake: Lake) -> None:
    from matinee_airflow.triggers import ValidityTrigger

    async def first() -> dict[str, str]:
        return (await anext(ValidityTrigger("core.players", "2026-03-01", 0.05).run())).payload  # type: ignore[no-any-return]

    event = asyncio.run(first())
    with pytest.raises(TerminalError, match=r"No contract declares core\.players.*core\.plays"):
        sensor("core.players", "2026-03-01").execute_complete({}, event)


def test_an_empty_lake_is_not_stale(lake: Lake) -> None:
    assert stale_datasets(lake.settings, datetime(2026, 3, 10, tzinfo=UTC)) == []


def test_each_dataset_is_stale_once_its_own_lag_is_too_long(lake: Lake) -> None:
    close(lake, "raw.impressions", "2026-03-01")
    close(lake, "raw.plays", "2026-03-01")
    raw_ends = datetime(2026, 3, 2, tzinfo=UTC)
    assert stale_datasets(lake.settings, raw_ends) == []
    # raw.* may lag by 30 hours behind its last valid day; core.* has published nothing since the first day began.
    assert stale_datasets(lake.settings, raw_ends + timedelta(hours=30)) == [
        "core.impressions",
        "core.plays",
        "core.play_attributions",
        "core.impression_plays",
    ]
    assert "raw.plays" in stale_datasets(lake.settings, raw_ends + timedelta(hours=30, seconds=1))


def test_the_alarm_of_a_stale_dataset_carries_its_explanation(lake: Lake) -> None:
    close(lake, "raw.plays", "2026-03-01")
    told = [each.says for each in stale_days(lake.settings, datetime(2026, 3, 10, tzinfo=UTC))]
    assert "core.plays 2026-03-01 is not valid: core.plays 2026-03-01: no publication" in told


@pytest.mark.parametrize(("waits_for", "longer"), [("valid", timedelta()), ("mature", timedelta(days=2))])
def test_an_input_that_is_awaited_mature_is_given_the_time_to_be_so(
    lake: Lake, tmp_path: Path, waits_for: str, longer: timedelta
) -> None:
    from matinee_airflow.triggers import matures_after

    sql = tmp_path / "sql"
    shutil.copytree(lake.settings.sql_dir, sql)
    (sql / "features" / "title_daily").mkdir(parents=True)
    contract = snippet("contract").replace("alias: impression_plays", f"alias: labels, waits_for: {waits_for}")
    (sql / "features" / "title_daily" / "contract.odcs.yaml").write_text(contract)
    (sql / "features" / "title_daily" / "transform.sql").write_text(snippet("transform"))
    # The last play of an impression may come a day after it, and the day of that play has to end.
    assert matures_after(lake.settings.model_copy(update={"sql_dir": sql}), "features.title_daily") == longer
