"""The factory of Spark tasks: the setting `MATINEE_TASK_MODE` decides where a step runs."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matinee.errors import SettingsError
from matinee.settings import Settings, load_settings
from matinee_airflow.config import AirflowSettings
from matinee_airflow.policy import SPARK_POOL

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

KEY = "{{ key_of(dag_run) }}"
ATTEMPT = "{{ attempt_of(ti) }}"
# A cluster's jobs do not get these settings: they say where the task runs, not where the lake is.
_LOCAL = {"home", "jars_dir", "task_mode", "spark_remote", "spark_java_options"}
# A job's parameters are shown by EMR and, as a rendered template, by Airflow: what is secret is not among them.
_SECRET = {"catalog_uri"}


def spark_task(task_id: str, step: str, arguments: Sequence[str], **kwargs: object) -> "BaseOperator":
    """Return the task that runs a step with these arguments and ends with its report.

    Args:
        task_id: its name within the task group.
        step: write, audit, publish, ingest, maintain or heal.
        arguments: the arguments of the step without `--report`; templates are rendered.
        kwargs: what every operator takes, for example `outlets`.

    Raises:
        SettingsError: the settings do not name a usable mode, or a job would be given a password.
    """
    settings, ours = load_settings(), AirflowSettings()
    report = f"{settings.reports}/{{{{ report_of(ti) }}}}"
    task = {"task_id": task_id, "pool": SPARK_POOL, **kwargs}
    full = [*arguments, "--report", report]
    if settings.task_mode == "submit":
        return _submit(ours, step, full, report, task)
    if settings.task_mode == "emr_serverless":
        _refuse_password(settings)
        return _emr_serverless(ours, step, full, report, task)
    from matinee_airflow.operators import ConnectStep

    return ConnectStep(step=step, arguments=full, report=report, **task)


def _submit(
    ours: AirflowSettings, step: str, arguments: list[str], report: str, task: dict[str, object]
) -> "BaseOperator":
    from matinee_airflow.submit import SubmitStep

    return SubmitStep(
        application=f"{ours.jobs_uri}/step.py",
        application_args=[step, *arguments],
        py_files=ours.py_files,
        conn_id=ours.submit_conn_id,
        name=f"matinee-{step}",
        report=report,
        **task,
    )


def _emr_serverless(
    ours: AirflowSettings, step: str, arguments: list[str], report: str, task: dict[str, object]
) -> "BaseOperator":
    from matinee_airflow.emr_serverless import EmrServerlessStep

    spark_submit = {
        "entryPoint": f"{ours.jobs_uri}/step.py",
        "entryPointArguments": [step, *arguments],
        "sparkSubmitParameters": submit_parameters(ours),
    }
    return EmrServerlessStep(
        application_id=ours.emr.application_id,
        execution_role_arn=ours.emr.execution_role,
        job_driver={"sparkSubmit": spark_submit},
        name=f"matinee-{step}",
        waiter_delay=15,
        waiter_max_attempts=4 * 60 * 6,
        report=report,
        **task,
    )


def _refuse_password(settings: Settings) -> None:
    if settings.catalog == "postgres" and settings.catalog_uri is not None:
        raise SettingsError(
            "A job of EMR Serverless is not given MATINEE_CATALOG_URI: who sees the job would see the password.",
            next_step="Put the address into AWS Secrets Manager and name the secret in MATINEE_CATALOG_SECRET instead.",
        )


def submit_parameters(ours: AirflowSettings) -> str:
    """Return EMR's `sparkSubmitParameters`: the code, the lake's settings for the driver, then what was configured."""
    parts = [f"--py-files {ours.py_files}"] if ours.py_files else []
    for field in sorted(Settings.model_fields.keys() - _LOCAL - _SECRET):
        name = f"MATINEE_{field.upper()}"
        if name in os.environ:
            parts.append(f"--conf spark.emr-serverless.driverEnv.{name}={os.environ[name]}")
    return " ".join([*parts, ours.emr.submit_parameters]).strip()
