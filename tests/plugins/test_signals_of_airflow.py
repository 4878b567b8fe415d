"""What the watcher sees of a real Airflow: its REST API on its own metadata, by a service account."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.airflow_api import Airflow
from tests.support.alerts import MINUTE, T0
from tests.support.lakes import D1, D2, D3

from matinee.alerts.folding import fold
from matinee.alerts.judging import alarms
from matinee.alerts.linking import linked
from matinee.alerts.model import Sighting, Signal
from matinee.alerts.rules.loader import load
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals.outlook import Outlook
from matinee.alerts.signals.registry import SOURCES
from matinee.alerts.signals.sources import Seen
from matinee.alerts.signals.sources import look as look_at
from matinee.settings import CHECKOUT, load_settings
from matinee.stack.api import AirflowApi

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.timeout(300),
    # Airflow's own machinery: its API server, its database.
    pytest.mark.filterwarnings("ignore"),
]
RULES = load(CHECKOUT / "sql" / "alerts")
HOUR = timedelta(hours=1)
PLAYS, UPKEEP = "plays_daily", "lake_maintenance_nightly"
LOG = "matinee.errors.AuditFailedError: 3 plays have no title. Next: `matinee quality`, token=hunter2\n"


@pytest.fixture
def outlook(airflow: Airflow, tmp_path: Path) -> Outlook:
    return outlook_of(airflow, tmp_path)


def outlook_of(airflow: Airflow, home: Path, user: str = "vic", at: datetime = T0) -> Outlook:
    settings = load_settings(home=home, catalog="embedded", spark_remote=None)
    ours = AlertSettings(alerts_airflow=airflow.url, alerts_airflow_token=airflow.tokens[user])
    return Outlook(settings, ours, at)


def seen(outlook: Outlook) -> Seen:
    [source] = [source for source in SOURCES if source.name == "airflow"]
    return look_at([source], outlook, 60)


def alarming(outlook: Outlook) -> dict[str, list[str]]:
    """The causes of what a look sees that a shipped rule finds worth telling since an hour, with their witnesses."""
    signals = linked(seen(outlook).signals, outlook.memory)
    told = alarms(RULES, [Sighting(each, outlook.at - HOUR) for each in signals], outlook.at)
    return {str(cause.root): list(cause.witnesses) for cause in fold(told, signals)}


def failures(outlook: Outlook) -> list[Signal]:
    return [signal for signal in seen(outlook).signals if signal.kind == "failure"]


def fail(airflow: Airflow, number: int = 0, **values: object) -> str:
    """A run of the first day whose last task failed for good."""
    begun = T0 - 2 * HOUR + number * MINUTE
    run = airflow.add_run(PLAYS, D1, "failed", begun, begun + HOUR / 2)
    airflow.change_task(run, "write", state="success")
    airflow.write_log(PLAYS, run, "publish", LOG)
    return run


def test_an_airflow_without_trouble_shows_nothing(outlook: Outlook) -> None:
    told = seen(outlook)
    assert (told.signals, told.blind) == ([], set())


def test_a_task_that_failed_for_good_is_told_with_its_cause(airflow: Airflow, outlook: Outlook) -> None:
    run = fail(airflow)
    [signal] = failures(outlook)
    assert (signal.witness, signal.dataset, signal.facts["day"]) == (f"{PLAYS} {run} publish", "core.plays", str(D1))
    assert "3 plays have no title" in signal.says
    assert "hunter2" not in f"{signal.says} {signal.next_step}"


def test_a_task_that_is_tried_again_is_not_told(airflow: Airflow, outlook: Outlook) -> None:
    airflow.change_task(fail(airflow), "publish", state="up_for_retry")
    assert failures(outlook) == []


def test_a_later_success_of_the_same_day_ends_a_failure(airflow: Airflow, outlook: Outlook) -> None:
    fail(airflow)
    airflow.add_run(PLAYS, D2, "success", T0 - HOUR, T0 - HOUR / 2)
    assert len(failures(outlook)) == 1
    airflow.add_run(PLAYS, D1, "success", T0 - HOUR / 2, T0 - HOUR / 4)
    assert failures(outlook) == []


def test_a_log_that_was_lost_hides_no_failure(airflow: Airflow, outlook: Outlook) -> None:
    begun = T0 - HOUR
    airflow.add_run(PLAYS, D1, "failed", begun, T0)
    assert {signal.facts["class"] for signal in failures(outlook)} == {"unknown"}


def test_failures_of_a_backfill_are_one_cause(airflow: Airflow, outlook: Outlook) -> None:
    number = airflow.add_backfill(PLAYS, D1, D3)
    for minute, day in enumerate((D1, D2, D3)):
        begun = T0 - HOUR + minute * MINUTE
        run = airflow.add_run(PLAYS, day, "failed", begun, T0 - HOUR / 2, backfill=number)
        airflow.change_task(run, "write", state="success")
    told = {cause: len(witnesses) for cause, witnesses in alarming(outlook).items()}
    assert told == {f"backfill {number} of {PLAYS} failed": 3}


def test_a_run_that_takes_much_longer_than_usual_is_an_alarm(airflow: Airflow, tmp_path: Path) -> None:
    for week in range(1, 4):
        begun = T0 - timedelta(weeks=week)
        airflow.add_run(PLAYS, D1, "success", begun, begun + HOUR)
    airflow.add_run(PLAYS, D1, "running", T0)
    late = timedelta(hours=2, minutes=16)
    told = [alarming(outlook_of(airflow, tmp_path, at=T0 + late - early)) for early in (2 * MINUTE, 0 * MINUTE)]
    assert [[*causes] for causes in told] == [[], [f"{PLAYS} late"]]


def test_an_upkeep_that_has_not_succeeded_for_two_nights_is_an_alarm(airflow: Airflow, tmp_path: Path) -> None:
    begun = T0 - 51 * HOUR
    airflow.add_run(UPKEEP, D1, "success", begun, begun + HOUR / 2)
    airflow.add_run(UPKEEP, D2, "failed", T0 - 99 * HOUR, T0 - 98 * HOUR)
    assert [*alarming(outlook_of(airflow, tmp_path))] == ["upkeep not run"]
    assert alarming(outlook_of(airflow, tmp_path, at=T0 - HOUR)) == {}


def test_a_scheduler_whose_heart_stands_still_is_a_cause(airflow: Airflow, outlook: Outlook) -> None:
    airflow.clear()
    airflow.beat(datetime.now(UTC) - HOUR)
    assert [*alarming(outlook)] == ["airflow scheduler unavailable"]


def test_a_part_that_nobody_started_is_no_cause(airflow: Airflow) -> None:
    assert AirflowApi(airflow.url).health() == {"metadatabase": "healthy", "scheduler": "healthy"}


def test_an_account_that_may_see_nothing_is_told(airflow: Airflow, tmp_path: Path) -> None:
    told = seen(outlook_of(airflow, tmp_path, "nick"))
    [signal] = told.signals
    assert (signal.kind, told.blind) == ("source", {"failure", "time_to_complete", "upkeep"})
    assert "403" in signal.says
