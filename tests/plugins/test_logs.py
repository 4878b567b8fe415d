"""The log of a task, as Airflow's API server reads it, becomes the read-out of its failure."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.airflow_users import make_database

from matinee.readout.explain import explain

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    # Airflow's reader leaves the file to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in.*FileIO:pytest.PytestUnraisableExceptionWarning"),
]
RUN = "manual__2026-03-01T00:00:00+00:00"
LOG = (
    '{"timestamp": "2026-03-01T00:00:00Z", "level": "info", "event": "begun"}\n'
    '{"timestamp": "2026-03-01T00:00:01Z", "level": "error", "event": "OSError: [Errno 28] No space left on device"}\n'
)


@pytest.fixture
def failed_task() -> tuple[str, str, str]:
    """A failed task with the log of its second try."""
    from airflow import settings
    from airflow.configuration import conf
    from airflow.models.base import Base  # noqa: TID251 - only Airflow itself knows its tables

    make_database()
    dag, task, now = f"dag_{uuid.uuid4().hex[:8]}", "plays.write", datetime(2026, 3, 1, tzinfo=UTC)
    folder = f"dag_id={dag}/run_id={RUN}/task_id={task}"
    tables = Base.metadata.tables
    with settings.engine.begin() as connection:
        template = {
            "filename": f"{folder}/attempt={{{{ try_number }}}}.log",
            "elasticsearch_id": "x",
            "created_at": now,
        }
        key = connection.execute(tables["log_template"].insert().values(template)).inserted_primary_key[0]
        run = {"dag_id": dag, "run_id": RUN, "run_type": "manual", "state": "failed", "run_after": now}
        run |= {"log_template_id": key, "span_status": "not_started", "clear_number": 0}
        connection.execute(tables["dag_run"].insert().values(run))
        tried = {"id": uuid.uuid4(), "dag_id": dag, "run_id": RUN, "task_id": task, "map_index": -1}
        tried |= {"state": "failed", "try_number": 2, "pool": "default_pool", "pool_slots": 1}
        connection.execute(tables["task_instance"].insert().values(tried))
    log = Path(conf.get("logging", "base_log_folder")) / folder / "attempt=2.log"
    log.parent.mkdir(parents=True)
    log.write_text(LOG)
    return dag, RUN, task


def test_the_log_of_the_last_try_is_read(failed_task: tuple[str, str, str]) -> None:
    from matinee_airflow.pages.logs import Task, last_log

    told = explain(last_log(Task(*failed_task)))
    assert (told.kind, "No space left on device" in told.cause) == ("resource", True)
