"""One factory, three ways to run a step: the same arguments reach the same entry point."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    # The provider's own imports.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:airflow.providers"),
]

ARGUMENTS = ["--dataset", "core.plays", "--key", "{{ key_of(dag_run) }}", "--attempt", "{{ attempt_of(ti) }}"]
RENDERED = ["--dataset", "core.plays", "--key", "2026-03-01", "--attempt"]


def made(monkeypatch: pytest.MonkeyPatch, **environment: str) -> "BaseOperator":
    """Return the task of a mode, its templates rendered for the key 2026-03-01."""
    from airflow.sdk import DAG

    from matinee_airflow.keys import MACROS
    from matinee_airflow.spark_task import spark_task

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with DAG("some_dag", schedule=None, user_defined_macros=dict(MACROS)):
        task = spark_task("write", "write", ARGUMENTS, retries=3)
    task.render_template_fields(context(task))
    return task


def context(task: "BaseOperator") -> dict[str, Any]:
    from types import SimpleNamespace

    ti = SimpleNamespace(
        dag_id="some_dag", task_id="write", run_id="r", map_index=-1, try_number=1, max_tries=3, task=task
    )
    return {"dag_run": SimpleNamespace(partition_key="2026-03-01", conf=None, run_id="r"), "ti": ti}


def check(arguments: list[str], reports: str) -> None:
    assert arguments[:5] == RENDERED
    assert arguments[6] == "--report"
    assert Path(arguments[7]).parent.as_posix() == reports
    assert "{{" not in " ".join(arguments)


def test_connect_runs_the_entry_point_in_the_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    task = made(monkeypatch, MATINEE_TASK_MODE="connect", MATINEE_HOME=str(tmp_path))
    assert (type(task).__name__, task.step, task.pool) == ("ConnectStep", "write", "spark")
    check(task.arguments, f"{tmp_path}/run/reports")


def test_submit_hands_the_entry_point_to_spark_submit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    task = made(
        monkeypatch,
        MATINEE_TASK_MODE="submit",
        MATINEE_HOME=str(tmp_path),
        MATINEE_JOBS_URI="/opt/matinee/jobs",
        MATINEE_PY_FILES="/opt/matinee/matinee.zip",
    )
    assert (task.application, task.py_files) == ("/opt/matinee/jobs/step.py", "/opt/matinee/matinee.zip")
    assert task.application_args[0] == "write"
    check(task.application_args[1:], f"{tmp_path}/run/reports")
    assert (task.pool, task.retries) == ("spark", 3)


def test_emr_serverless_gets_the_entry_point_and_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    task = made(
        monkeypatch,
        MATINEE_TASK_MODE="emr_serverless",
        MATINEE_CATALOG="aws",
        MATINEE_WAREHOUSE="s3://lake/warehouse",
        MATINEE_JOBS_URI="s3://code/jobs",
        MATINEE_PY_FILES="s3://code/matinee.zip",
        MATINEE_EMR_APPLICATION_ID="app-1",
        MATINEE_EMR_EXECUTION_ROLE="arn:aws:iam::123456789012:role/lake",
        MATINEE_EMR_SUBMIT_PARAMETERS="--conf spark.executor.memory=8g",
    )
    submitted = task.job_driver["sparkSubmit"]
    assert submitted["entryPoint"] == "s3://code/jobs/step.py"
    assert submitted["entryPointArguments"][:6] == ["write", *RENDERED]
    assert submitted["entryPointArguments"][8].startswith("s3://lake/warehouse/_reports/")
    parameters = submitted["sparkSubmitParameters"]
    assert parameters.startswith("--py-files s3://code/matinee.zip ")
    assert "--conf spark.emr-serverless.driverEnv.MATINEE_WAREHOUSE=s3://lake/warehouse" in parameters
    assert parameters.endswith("--conf spark.executor.memory=8g")
    assert "MATINEE_HOME" not in parameters
    assert (task.application_id, task.deferrable) == ("app-1", True)


EMR = {
    "MATINEE_TASK_MODE": "emr_serverless",
    "MATINEE_JOBS_URI": "s3://code/jobs",
    "MATINEE_EMR_APPLICATION_ID": "app-1",
    "MATINEE_EMR_EXECUTION_ROLE": "arn:aws:iam::123456789012:role/lake",
    "MATINEE_EMR_SUBMIT_PARAMETERS": "--conf spark.executor.memory=8g",
    "SPARK_CONNECT_AUTHENTICATE_TOKEN": "s3cret",
}
URI = "postgresql://matinee:s3cret@db:5432/lake"


def rendered(task: "BaseOperator") -> str:
    """Return what Airflow's UI shows of a task."""
    return " ".join(str(getattr(task, name)) for name in task.template_fields)


def test_a_job_is_given_the_name_of_the_catalogs_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = {"MATINEE_CATALOG": "postgres", "MATINEE_CATALOG_SECRET": "lake/catalog"}
    task = made(monkeypatch, **EMR, **lake)
    parameters = task.job_driver["sparkSubmit"]["sparkSubmitParameters"]
    assert "driverEnv.MATINEE_CATALOG_SECRET=lake/catalog " in parameters
    assert "s3cret" not in rendered(task)


def test_a_job_is_given_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from matinee.errors import SettingsError

    with pytest.raises(SettingsError, match="MATINEE_CATALOG_SECRET") as refused:
        made(monkeypatch, **EMR, MATINEE_CATALOG="postgres", MATINEE_CATALOG_URI=URI)
    assert "s3cret" not in str(refused.value)


def test_a_job_is_given_settings_of_the_lake_that_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = {"MATINEE_CATALOG": "aws", "MATINEE_WAREHOUSE": "s3://lake/warehouse"}
    secrets = dict.fromkeys(("MATINEE_CATALOG_URI", "MATINEE_AIRFLOW_DB", "MATINEE_LATER_PASSWORD"), URI)
    task = made(monkeypatch, **EMR, **aws, **secrets)
    parameters = task.job_driver["sparkSubmit"]["sparkSubmitParameters"].split()
    given = {part.partition("=")[0].rpartition(".")[2] for part in parameters if "driverEnv" in part}
    assert given == {"MATINEE_CATALOG", "MATINEE_WAREHOUSE"}
    assert "s3cret" not in rendered(task)


def test_no_setting_of_a_secret_kind_is_given_to_a_job() -> None:
    from matinee.settings import Settings
    from matinee_airflow.spark_task import _SECRET

    assert {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)} == _SECRET


@pytest.mark.parametrize("mode", ["connect", "submit"])
def test_no_task_shows_the_catalogs_password(monkeypatch: pytest.MonkeyPatch, mode: str, tmp_path: Path) -> None:
    lake = {"MATINEE_CATALOG": "postgres", "MATINEE_CATALOG_URI": URI, "MATINEE_HOME": str(tmp_path)}
    task = made(monkeypatch, **EMR | lake | {"MATINEE_TASK_MODE": mode})
    assert "s3cret" not in rendered(task)


def test_an_unknown_mode_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    from matinee.errors import SettingsError

    with pytest.raises(SettingsError, match="'connect', 'submit' or 'emr_serverless'"):
        made(monkeypatch, MATINEE_TASK_MODE="yarn")
