"""A real Airflow for the watcher: its REST API in this process, on a metadata database with literal runs."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from matinee.days import start_of
from matinee.retries import wait_until
from tests.support.airflow_users import make_database, tokens

BUNDLE = "tests"
SCHEDULER = "SchedulerJob"


@dataclass(frozen=True)
class Airflow:
    """An Airflow whose runs and tasks are set by hand; its own API tells of them."""

    url: str
    tokens: Mapping[str, str]

    def clear(self) -> None:
        """Forget all runs, backfills and heartbeats."""
        from airflow.jobs.job import Job
        from airflow.models.backfill import Backfill, BackfillDagRun  # noqa: TID251 - the database is the test's
        from airflow.models.dagrun import DagRun  # noqa: TID251
        from airflow.models.taskinstance import TaskInstance  # noqa: TID251
        from airflow.utils.session import create_session
        from sqlalchemy import delete

        with create_session() as session:
            for table in (BackfillDagRun, TaskInstance, DagRun, Backfill, Job):
                session.execute(delete(table))

    def beat(self, at: datetime, job_type: str = SCHEDULER) -> None:
        """Note a heartbeat."""
        from airflow.jobs.job import Job
        from airflow.utils.session import create_session

        with create_session() as session:
            job = Job(job_type=job_type, state="running")
            job.latest_heartbeat = at
            session.add(job)

    def add_dag(self, dag_id: str, *tasks: str, mapped: int = 0) -> None:
        """Parse a daily DAG of tasks that do nothing; each is mapped so many times, where that is told."""
        from airflow.dag_processing.collection import update_dag_parsing_results_in_db
        from airflow.models.dagbundle import DagBundleModel  # noqa: TID251
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.sdk import DAG
        from airflow.serialization.serialized_objects import LazyDeserializedDAG
        from airflow.utils.session import create_session

        from matinee_airflow.policy import each_key

        with DAG(dag_id, schedule=each_key("core.plays")) as dag:
            for task in tasks:
                if mapped:
                    EmptyOperator.partial(task_id=task).expand(doc=[str(number) for number in range(mapped)])
                else:
                    EmptyOperator(task_id=task)
        with create_session() as session:
            session.merge(DagBundleModel(name=BUNDLE))
            session.flush()
            parsed = [LazyDeserializedDAG.from_dag(dag)]
            update_dag_parsing_results_in_db(BUNDLE, None, parsed, {}, None, set(), session=session)

    def add_run(
        self, dag_id: str, key: date, state: str, begun: datetime, ended: datetime | None = None, backfill: int = 0
    ) -> str:
        """Make a run of a DAG, all of whose tasks are in the same state as the run; return its name."""
        from airflow.models.serialized_dag import SerializedDagModel  # noqa: TID251
        from airflow.utils.session import create_session
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        kind = DagRunType.BACKFILL_JOB if backfill else DagRunType.SCHEDULED
        run_id = f"{kind.value}__{begun.isoformat()}"
        with create_session() as session:
            dag = SerializedDagModel.get_dag(dag_id, session=session)
            run = dag.create_dagrun(
                run_id=run_id,
                run_after=begun,
                run_type=kind,
                triggered_by=DagRunTriggeredByType.TEST,
                state=DagRunState.RUNNING,
                start_date=begun,
                partition_key=str(key),
                backfill_id=backfill or None,
                session=session,
            )
            run.queued_at, run.end_date, run._state = begun, ended, DagRunState(state)
            for task in run.get_task_instances(session=session):
                task.state, task.try_number, task.start_date, task.end_date = state, 1, begun, ended
        return run_id

    def add_backfill(self, dag_id: str, first: date, last: date, completed_at: datetime | None = None) -> int:
        """Make a backfill; return its number."""
        from airflow.models.backfill import Backfill  # noqa: TID251
        from airflow.utils.session import create_session

        with create_session() as session:
            made = Backfill(dag_id=dag_id, from_date=start_of(first), to_date=start_of(last), dag_run_conf={})
            made.completed_at = completed_at
            session.add(made)
            session.flush()
            return int(made.id)

    def change_task(self, run_id: str, task_id: str, map_index: int = -1, **values: Any) -> None:  # noqa: ANN401
        """Change a task of a run, such as its state."""
        from airflow.models.taskinstance import TaskInstance  # noqa: TID251
        from airflow.utils.session import create_session
        from sqlalchemy import select

        named = {"run_id": run_id, "task_id": task_id, "map_index": map_index}
        with create_session() as session:
            for task in session.scalars(select(TaskInstance).filter_by(**named)):
                for name, value in values.items():
                    setattr(task, name, value)

    def write_log(
        self, dag_id: str, run_id: str, task_id: str, text: str, *, try_number: int = 1, map_index: int = -1
    ) -> None:
        """Write the log of a try where Airflow's workers write it."""
        from airflow.sdk.configuration import conf

        folder = Path(conf.get("logging", "base_log_folder"), f"dag_id={dag_id}", f"run_id={run_id}")
        mapped = f"map_index={map_index}" if map_index >= 0 else ""
        file = folder / f"task_id={task_id}" / mapped / f"attempt={try_number}.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@contextmanager
def airflow_api() -> Iterator[Airflow]:
    """Serve Airflow's API on the loopback interface until the block ends; each user has a token."""
    import uvicorn
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import synchronize_log_template

    make_database()
    synchronize_log_template()
    given = tokens()
    server = uvicorn.Server(uvicorn.Config(create_app(apps="core"), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert wait_until(lambda: server.started, 60, 0.02)
        yield Airflow(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", given)
    finally:
        server.should_exit = True
        thread.join(30)
