"""A step on EMR Serverless, against moto's server: started, waited for in the triggerer, ended with its report."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.catalogs import aws_settings

from matinee.errors import AuditFailedError, TransientError
from matinee.report import ErrorReport, Report, Rows
from matinee.settings import Settings

if TYPE_CHECKING:
    from matinee_airflow.emr_serverless import EmrServerlessStep

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.aws,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    # The providers' own imports, and clients that they leave to the garbage collector.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Ti:
    """What a step's operator uses of its task instance."""

    dag_id, task_id, run_id, map_index, try_number, max_tries = "plays_daily", "plays.publish", "r", -1, 1, 3
    pushed: dict[str, Any]

    def __init__(self, task: "EmrServerlessStep") -> None:
        self.task, self.pushed = task, {}

    def xcom_push(self, key: str, value: object) -> None:
        self.pushed[key] = value


@pytest.fixture
def lake(aws_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a lake on Glue and S3, put into the environment as a deployment would."""
    import boto3

    settings = aws_settings(aws_endpoint, tmp_path)
    emr = boto3.client("emr-serverless", endpoint_url=aws_endpoint, region_name="us-east-1")
    application = emr.create_application(name="matinee", releaseLabel="emr-7.0.0", type="SPARK")["applicationId"]
    for name, value in {
        "AWS_ENDPOINT_URL": aws_endpoint,
        "MATINEE_HOME": str(tmp_path),
        "MATINEE_CATALOG": "aws",
        "MATINEE_WAREHOUSE": settings.warehouse,
        "MATINEE_S3_ENDPOINT": aws_endpoint,
        "MATINEE_GLUE_ENDPOINT": aws_endpoint,
        "MATINEE_TASK_MODE": "emr_serverless",
        "MATINEE_EMR_APPLICATION_ID": application,
        "MATINEE_EMR_EXECUTION_ROLE": "arn:aws:iam::123456789012:role/lake",
        "MATINEE_JOBS_URI": "s3://code/jobs",
    }.items():
        monkeypatch.setenv(name, str(value))
    return settings


def step() -> "tuple[EmrServerlessStep, dict[str, Any]]":
    from airflow.sdk import DAG

    from matinee_airflow.assets import asset_of
    from matinee_airflow.keys import MACROS
    from matinee_airflow.spark_task import spark_task

    with DAG("plays_daily", schedule=None, user_defined_macros=dict(MACROS)):
        task = spark_task(
            "publish", "publish", ["--dataset", "core.plays"], outlets=[asset_of("core.plays")], retries=3
        )
    context = {"ti": Ti(task), "outlet_events": {asset_of("core.plays"): type("Event", (), {"extra": {}})()}}
    task.render_template_fields(context)
    return task, context


def run(task: "EmrServerlessStep", context: dict[str, Any]) -> dict[str, Any]:
    """Start the job and return the event with which its trigger ends the wait."""
    from airflow.sdk.exceptions import TaskDeferred

    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)

    async def first() -> dict[str, Any]:
        return (await anext(deferred.value.trigger.run())).payload  # type: ignore[no-any-return]

    return asyncio.run(first())


def leave(settings: Settings, uri: str, report: Report) -> None:
    """Leave a report where the job would: moto runs no Spark."""
    from pyiceberg.io import load_file_io

    from matinee.table.catalog import catalog_properties

    with load_file_io(catalog_properties(settings), uri).new_output(uri).create() as stream:
        stream.write(report.model_dump_json(by_alias=True).encode())


def test_a_job_is_started_and_ends_with_its_report(lake: Settings, aws_endpoint: str) -> None:
    import boto3

    task, context = step()
    event = run(task, context)
    job = event["job_details"]
    emr = boto3.client("emr-serverless", endpoint_url=aws_endpoint, region_name="us-east-1")
    job_run = emr.get_job_run(applicationId=job["application_id"], jobRunId=job["job_id"])["jobRun"]
    assert job_run["state"] == "SUCCESS"
    submitted = job_run["jobDriver"]["sparkSubmit"]
    assert (submitted["entryPoint"], submitted["entryPointArguments"][0]) == ("s3://code/jobs/step.py", "publish")

    leave(lake, task.report, Report(step="publish", dataset="core.plays", publication_id="p1", rows=Rows(out=7)))
    assert task.execute_complete(context, event)["publication_id"] == "p1"
    (asset_event,) = context["outlet_events"].values()
    assert (asset_event.extra["publication_id"], asset_event.extra["rows"]) == ("p1", 7)


def test_a_job_that_failed_an_audit_raises_that_error_here(lake: Settings) -> None:
    task, context = step()
    event = run(task, context)
    error = ErrorReport.of(AuditFailedError("3 rows failed event_lost.", next_step="look at them"))
    leave(lake, task.report, Report(step="audit", dataset="core.plays", error=error))
    with pytest.raises(AuditFailedError, match="3 rows failed event_lost"):
        task.execute_complete(context, event)
    assert context["ti"].pushed["failed_report"]["error"]["type"] == "AuditFailedError"


def test_a_job_that_left_no_report_is_tried_again(lake: Settings) -> None:
    task, context = step()
    with pytest.raises(TransientError, match="left no report"):
        task.execute_complete(context, run(task, context))


def test_a_step_leaves_its_report_in_the_object_store(lake: Settings) -> None:
    from matinee.readout.reports import read_report
    from matinee.steps.main import main

    uri = f"{lake.warehouse}/_reports/recover.json"
    assert read_report(uri, lake) is None
    assert main("maintain", ["--what", "recover", "--report", uri]) == 0
    report = read_report(uri, lake)
    assert report is not None
    assert report.step == "recover"
