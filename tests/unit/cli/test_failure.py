"""`matinee failure explain` reads a log, or all that a task left."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from matinee.cli import failure as cli_failure
from matinee.cli.failure import failure
from matinee.errors import EngineUnavailableError, UsageError
from matinee.report import ErrorReport, Report, report_name

LOG = "OSError: [Errno 28] No space left on device: '/lake/x.parquet'\n"


def test_a_log_is_explained_as_json(tmp_path: Path) -> None:
    log = tmp_path / "task.log"
    log.write_text(LOG)
    told = CliRunner().invoke(failure, ["explain", "--log", str(log), "--output", "json"], catch_exceptions=False)
    readout = json.loads(told.output)
    assert (readout["class"], readout["retryable"], readout["pattern"]) == ("resource", False, "disk_full")
    assert readout["cause"] == f"A disk is full: {LOG.strip()}"
    assert readout["evidence"] == [f"1: {LOG.strip()}"]
    assert readout["next_step"].startswith("Free space")


def test_standard_input_is_explained_for_people() -> None:
    told = CliRunner().invoke(failure, ["explain", "--log", "-"], input=LOG, catch_exceptions=False)
    assert "resource" in told.output
    assert "A disk is full" in told.output


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.log cannot be read: No such file or directory\..* Next: Name the file"):
        CliRunner().invoke(failure, ["explain", "--log", str(tmp_path / "no.log")], catch_exceptions=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path))
    return tmp_path


def explained(*options: str) -> Any:  # noqa: ANN401 - a document
    told = CliRunner().invoke(failure, ["explain", *options, "--output", "json"], catch_exceptions=False)
    return json.loads(told.output)


TASK = ("--dag", "plays", "--run", "manual__1", "--task", "plays.write")


def log_of_task(home: Path, attempt: int, text: str) -> None:
    folder = home / "airflow/logs/dag_id=plays/run_id=manual__1/task_id=plays.write"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"attempt={attempt}.log").write_text(text)


@pytest.mark.parametrize("options", [(), ("--unknown", "--log", "-"), ("--dag", "plays", "--task", "t")])
def test_one_failure_has_to_be_named(options: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="Which failure is not clear"):
        CliRunner().invoke(failure, ["explain", *options], catch_exceptions=False)


def test_the_newest_try_of_a_task_is_explained(home: Path) -> None:
    log_of_task(home, 2, LOG)
    log_of_task(home, 10, "KeyError: 'x'\n")
    assert explained(*TASK)["class"] == "code"
    assert explained(*TASK, "--try", "2")["class"] == "resource"


def test_the_report_of_a_try_goes_before_its_log(home: Path) -> None:
    log_of_task(home, 1, "KeyError: 'x'\n")
    error = ErrorReport(type="StaleInputsError", message="main moved.", next_step="Run the key again.", retryable=True)
    reports = home / "run" / "reports"
    good = Report(step="write", dataset="core.plays", environment={"pyarrow": "1"})
    good.write(reports / report_name("plays", "manual__0", "plays.write", 1))
    bad = Report(step="write", dataset="core.plays", error=error, environment={"pyarrow": "2"})
    bad.write(reports / report_name("plays", "manual__1", "plays.write", 1))
    told = explained(*TASK)
    assert (told["class"], told["cause"], told["retryable"]) == ("conflict", "main moved.", True)
    assert {"what": "pyarrow", "before": "1", "now": "2"} in told["differs"]


def test_a_report_is_enough_where_airflow_does_not_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_AIRFLOW_PORT", "9")
    error = ErrorReport(type="StaleInputsError", message="main moved.", next_step="Run the key again.", retryable=True)
    bad = Report(step="write", dataset="", error=error)
    bad.write(home / "run" / "reports" / report_name("plays", "manual__1", "plays.write", 1))
    assert explained(*TASK, "--try", "1")["class"] == "conflict"
    with pytest.raises(EngineUnavailableError):
        explained(*TASK, "--try", "2")


class Airflow:
    """What Airflow says of the task, where it answers."""

    def __init__(self, state: str | None, tries: int = 1) -> None:
        self.state, self.tries = state, tries

    def task(self, *_: object) -> object:
        if self.state is None:
            raise EngineUnavailableError("Airflow does not answer.", next_step="make up")
        return SimpleNamespace(state=SimpleNamespace(value=self.state), try_number=self.tries)


@pytest.mark.parametrize(
    ("airflow", "kind"),
    [
        (Airflow("failed"), "unknown"),
        (Airflow("up_for_retry"), "unknown"),
        (Airflow("success", tries=2), "unknown"),
        (Airflow(None), "unknown"),
        (Airflow("success"), "none"),
        (Airflow("running"), "none"),
    ],
)
def test_a_log_without_a_failure_is_judged_by_the_state_of_its_task(
    airflow: Airflow, kind: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_failure, "AirflowApi", lambda _: airflow)
    log_of_task(home, 1, "INFO wrote 7 rows\n")
    assert explained(*TASK)["class"] == kind


def test_a_catalog_that_cannot_be_read_hides_no_cause(home: Path) -> None:
    log_of_task(home, 1, LOG)
    good = Report(step="write", dataset="core.plays")
    good.write(home / "run" / "reports" / report_name("plays", "manual__0", "plays.write", 1))
    (home / "catalog.db").write_text("no database")
    told = explained(*TASK)
    assert told["class"] == "resource"
    assert [each["what"] for each in told["differs"]] == ["the ledger"]


def test_what_was_not_recognised_is_listed(home: Path) -> None:
    log = home / "task.log"
    log.write_text("2026-03-01 02:00:01 ERROR flux 77 is gone\n")
    assert explained("--log", str(log))["class"] == "unknown"
    [kept] = explained("--unknown")
    assert "flux 77 is gone" in kept["line"]
    assert (kept["source"], kept["count"]) == (f"log {log}", 1)
