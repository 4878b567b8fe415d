"""Why a task failed stands on the task in Airflow: as a note of the watcher, and behind a link."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.support.airflow_api import Airflow
from tests.support.alerts import T0
from tests.support.lakes import D1

from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import airflow as signals
from matinee.alerts.signals.notes import AGAIN_IF_REFUSED
from matinee.alerts.signals.outlook import Outlook
from matinee.errors import AuditFailedError
from matinee.readout.note import BEGINS, is_note
from matinee.report import ErrorReport, Report, report_name
from matinee.settings import load_settings
from matinee.stack.api import AirflowApi

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.timeout(300),
    # Airflow's own machinery: its API server, its database.
    pytest.mark.filterwarnings("ignore"),
]
PLAYS, MAPPED = "plays_daily", "stream_parity_daily"
HOUR = timedelta(hours=1)
FULL = "OSError: [Errno 28] No space left on device: '/lake/x', password=hunter2\n"


@pytest.fixture
def run(airflow: Airflow) -> str:
    """A run whose last task has failed, as its disk was full."""
    run = airflow.add_run(PLAYS, D1, "failed", T0 - 2 * HOUR, T0 - HOUR)
    airflow.change_task(run, "write", state="success")
    airflow.write_log(PLAYS, run, "publish", FULL)
    return run


def outlook_of(airflow: Airflow, home: Path, user: str = "una") -> Outlook:
    ours = AlertSettings(alerts_airflow=airflow.url, alerts_airflow_token=airflow.tokens[user])  # type: ignore[arg-type]
    return Outlook(load_settings(home=home, catalog="embedded", spark_remote=None), ours, T0)


@pytest.fixture
def outlook(airflow: Airflow, tmp_path: Path) -> Outlook:
    """A look by the account of the watcher."""
    return outlook_of(airflow, tmp_path)


def look(outlook: Outlook) -> None:
    list(signals.look(outlook))


def noted(airflow: Airflow, run: str, task: str = "publish", dag: str = PLAYS, map_index: int = -1) -> str | None:
    note = AirflowApi(airflow.url, airflow.tokens["vic"]).task(dag, run, task, map_index).note
    return str(note) if note else None


def test_a_task_that_failed_for_good_gets_a_note_that_says_why(airflow: Airflow, run: str, outlook: Outlook) -> None:
    look(outlook)
    note = noted(airflow, run)
    assert note is not None
    assert is_note(note)
    assert note.startswith(f"{BEGINS} (resource): A disk is full")
    assert "hunter2" not in note
    assert noted(airflow, run, "write") is None


def test_a_text_of_a_person_stays(airflow: Airflow, run: str, outlook: Outlook) -> None:
    api = AirflowApi(airflow.url, airflow.tokens["ona"])
    api.write_note(PLAYS, run, "publish", "Ada looks at it.")
    look(outlook)
    assert noted(airflow, run) == "Ada looks at it."


def test_a_note_to_which_a_person_added_stays(airflow: Airflow, run: str, tmp_path: Path) -> None:
    look(outlook_of(airflow, tmp_path))
    text = f"{noted(airflow, run)}\nAda looks at it."
    AirflowApi(airflow.url, airflow.tokens["ona"]).write_note(PLAYS, run, "publish", text)
    airflow.change_task(run, "publish", try_number=2)
    airflow.write_log(PLAYS, run, "publish", "KeyError: 'x'\n", try_number=2)
    look(outlook_of(airflow, tmp_path))
    assert noted(airflow, run) == text


def test_the_next_try_that_fails_takes_the_place_of_the_last(airflow: Airflow, run: str, outlook: Outlook) -> None:
    look(outlook)
    airflow.change_task(run, "publish", state="up_for_retry", try_number=2)
    look(outlook)
    assert "A disk is full" in str(noted(airflow, run))
    airflow.change_task(run, "publish", state="failed")
    airflow.write_log(PLAYS, run, "publish", "PermissionError: [Errno 13] Permission denied: '/lake/x'\n", try_number=2)
    look(outlook)
    assert str(noted(airflow, run)).startswith(f"{BEGINS} (permission)")


def test_a_mapped_task_gets_a_note_of_its_own(airflow: Airflow, outlook: Outlook) -> None:
    run = airflow.add_run(MAPPED, D1, "failed", T0 - 2 * HOUR, T0 - HOUR)
    airflow.change_task(run, "compare", 0, state="success")
    airflow.write_log(MAPPED, run, "compare", FULL, map_index=1)
    look(outlook)
    assert is_note(str(noted(airflow, run, "compare", MAPPED, 1)))
    assert noted(airflow, run, "compare", MAPPED, 0) is None


def test_the_report_of_a_step_says_more_than_its_log(airflow: Airflow, run: str, outlook: Outlook) -> None:
    error = ErrorReport.of(AuditFailedError("3 plays have no title.", next_step="Look at them."))
    failed = Report(step="publish", dataset="core.plays", environment={"pyarrow": "2"}, error=error)
    ended = failed.model_copy(update={"environment": {"pyarrow": "1"}, "error": None})
    folder = Path(outlook.settings.reports)
    folder.mkdir(parents=True)
    failed.write(folder / report_name(PLAYS, run, "publish", 1))
    ended.write(folder / report_name(PLAYS, "scheduled__before", "publish", 1))
    look(outlook)
    note = str(noted(airflow, run))
    assert "3 plays have no title" in note
    assert "Differs from the last success: pyarrow: 1 ▸ 2" in note


def test_an_account_that_may_not_write_hides_no_failure(airflow: Airflow, run: str, tmp_path: Path) -> None:
    watcher = outlook_of(airflow, tmp_path, "vic")
    assert [signal.kind for signal in signals.look(watcher)] == ["failure"]
    assert noted(airflow, run) is None
    able = outlook_of(airflow, tmp_path)
    look(replace(able, at=T0 + AGAIN_IF_REFUSED - HOUR, memory=watcher.memory))
    assert noted(airflow, run) is None
    look(replace(able, at=T0 + AGAIN_IF_REFUSED, memory=watcher.memory))
    assert noted(airflow, run) is not None


@pytest.mark.parametrize(("state", "leads"), [("failed", True), ("success", False), ("up_for_retry", False)])
def test_a_task_that_failed_for_good_leads_to_its_page(airflow: Airflow, run: str, state: str, leads: bool) -> None:
    airflow.change_task(run, "publish", state=state)
    address = f"{airflow.url}/api/v2/dags/{PLAYS}/dagRuns/{run}/taskInstances/publish/links"
    answer = httpx.get(address, headers={"authorization": f"Bearer {airflow.tokens['vic']}"})
    link = answer.raise_for_status().json()["extra_links"]["Why it failed"]
    wanted = f"/matinee/failure/{PLAYS}/{run.replace(':', '%3A').replace('+', '%2B')}/publish"
    assert link == (wanted if leads else None)
