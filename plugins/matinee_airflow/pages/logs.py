"""Tasks and their logs, as Airflow's API server reads them: from the database, the workers' folder, remote storage."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matinee.errors import UsageError
from matinee.readout.airflow_log import said_by_task

if TYPE_CHECKING:
    from airflow.models import TaskInstance  # noqa: TID251 - the type alone
    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Task:
    """A task of a run; `map_index` is -1 for a task that is not mapped."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


def last_log(task: Task) -> Iterator[bytes]:
    """Yield the lines of the log of a task's last try, each a JSON object.

    Raises:
        UsageError: there is no such task in this run, or no log of its last try.
    """
    from airflow.utils.log.log_reader import TaskLogReader
    from airflow.utils.session import create_session

    with create_session() as session:
        instance = _instance(session, task)
        if instance is None:
            raise UsageError(
                f"The run {task.run_id} of {task.dag_id} has no task {task.task_id}.",
                next_step="Open the page from the task in Airflow's UI.",
            )
        messages, _ = TaskLogReader().read_log_chunks(instance, instance.try_number, {})
        yield from said_by_task(message.model_dump_json().encode() for message in messages)


def has_failed(task: Task) -> bool:
    """Whether a task has failed and is not tried again."""
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState

    with create_session() as session:
        instance = _instance(session, task)
        return instance is not None and instance.state == TaskInstanceState.FAILED


def _instance(session: "Session", task: Task) -> "TaskInstance | None":
    # The API server alone has the database; tasks and DAG files never come here.
    from airflow.models import TaskInstance  # noqa: TID251
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    wanted = {
        TaskInstance.dag_id: task.dag_id,
        TaskInstance.run_id: task.run_id,
        TaskInstance.task_id: task.task_id,
        TaskInstance.map_index: task.map_index,
    }
    query = select(TaskInstance).where(*(column == value for column, value in wanted.items()))
    return session.scalar(query.options(joinedload(TaskInstance.dag_run)))
