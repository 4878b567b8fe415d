"""What a task derives from its run: the key, the attempt and the name of its report. Used in templates only."""

from collections.abc import Callable, Mapping
from typing import Protocol

from matinee.days import parse_day
from matinee.errors import UsageError
from matinee.report import digest, report_name


class DagRun(Protocol):
    """The attributes of a DAG run that are read here."""

    run_id: str
    partition_key: str | None
    conf: Mapping[str, object] | None


class Task(Protocol):
    """The attributes of an operator that are read here."""

    retries: int | None


class TaskInstance(Protocol):
    """The attributes of one task of a run that are read here."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int | None
    try_number: int
    max_tries: int
    task: Task

    def xcom_pull(self, *, task_ids: str) -> Mapping[str, object] | None:
        """Return what a task of the same run returned."""


def key_of(dag_run: DagRun) -> str:
    """Return the event day of a run as `YYYY-MM-DD`: its partition key, else `partition_key` of its conf.

    Raises:
        UsageError: the run has no key, or the key is not a day.
    """
    # The macro `ds` does not exist in a partitioned DAG, and `dag.test()` and manual triggers give no partition key.
    key = dag_run.partition_key or (dag_run.conf or {}).get("partition_key")
    if not key:
        raise UsageError(
            f"The run {dag_run.run_id} has no key.",
            next_step='Trigger it with a partition key, or with the conf {"partition_key": "YYYY-MM-DD"}.',
            facts={"run_id": dag_run.run_id},
        )
    return parse_day(str(key)).isoformat()


def attempt_of(ti: TaskInstance) -> str:
    """Return the attempt's name: the same for every retry of a task, another name after the task was cleared.

    A cleared task must not take up its earlier publication, which may already be on `main`.
    """
    # Clearing raises max_tries to the tries so far plus the retries; a retry leaves it as it is.
    tries_before = max(ti.max_tries - (ti.task.retries or 0), 0)
    return f"r{digest(ti.run_id, str(tries_before))}"


def report_of(ti: TaskInstance) -> str:
    """Return the file name of the report of this try: no try reads the report of another try."""
    return report_name(ti.dag_id, ti.run_id, ti.task_id, ti.try_number, ti.map_index)


def publication_of(ti: TaskInstance, task_id: str) -> str:
    """Return the id of the publication that a task of the same run has written, by its report.

    Raises:
        UsageError: the task left no report in this run.
    """
    report = ti.xcom_pull(task_ids=task_id)
    if report is None:
        raise UsageError(
            f"{task_id} has left no report in the run {ti.run_id}: nothing was written, if it was marked as success.",
            next_step=f"Clear {task_id} with its downstream tasks.",
            facts={"run_id": ti.run_id, "task_id": task_id},
        )
    return str(report["publication_id"])


MACROS: Mapping[str, Callable[..., str]] = {
    "key_of": key_of,
    "attempt_of": attempt_of,
    "publication_of": publication_of,
    "report_of": report_of,
}
