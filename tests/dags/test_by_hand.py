"""Daily DAGs by hand: a run without a key, a task marked as success, days that wait. No Spark."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.lakes import D1, at, close_days, make_lake

from matinee_airflow.policy import ACTIVE_DAYS

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = [
    pytest.mark.airflow,
    # Airflow's own machinery under dag.test(): its API server, its database, its plugin loader.
    pytest.mark.filterwarnings("ignore"),
]
DAILY = ("impressions_daily", "plays_daily", "impression_plays_daily")


@pytest.fixture(scope="module", autouse=True)
def _database() -> None:
    from airflow.utils.db import initdb

    initdb()


def states(bag: "DagBag", conf: dict[str, str] | None, marked: str | None = None) -> dict[str, str]:
    ended = bag.dags["plays_daily"].test(run_conf=conf, mark_success_pattern=marked)
    return {task.task_id.partition(".")[2]: str(task.state) for task in ended.get_task_instances()}


def test_a_run_without_a_key_fails_at_once_and_says_how_to_give_it(
    bag: "DagBag", capfd: pytest.CaptureFixture[str]
) -> None:
    downstream = dict.fromkeys(("write", "audit", "publish"), "upstream_failed")
    assert states(bag, None) == {"wait": "failed"} | downstream
    assert "has no key. Next: Trigger it with a partition key, or with the conf" in capfd.readouterr().out


def test_a_write_marked_as_success_is_no_publication(
    bag: "DagBag", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path))
    close_days(make_lake(tmp_path), "raw.plays", {D1: 0})
    ended = states(bag, {"partition_key": str(D1)}, marked=r"plays\.write")
    assert ended == {"wait": "success", "write": "success", "audit": "failed", "publish": "upstream_failed"}
    assert "Clear plays.write with its downstream tasks" in capfd.readouterr().out


def test_days_that_wait_keep_no_ready_day_from_starting(bag: "DagBag") -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel  # noqa: TID251 - the scheduler's own
    from airflow.models.dagbag import DBDagBag  # noqa: TID251 - the scheduler's own
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag("plays_daily", session=session)
        assert dag is not None
        session.get(DagModel, "plays_daily").is_paused = False
        states = [DagRunState.RUNNING] * 20 + [DagRunState.QUEUED]
        *_, ready = [
            dag.create_dagrun(
                run_id=f"manual__{number}",
                run_after=at(D1),
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.TEST,
                state=state,
                session=session,
            )
            for number, state in enumerate(states)
        ]
        session.flush()
        SchedulerJobRunner(Job())._start_queued_dagruns(session)
        assert ready.state == DagRunState.RUNNING
        session.rollback()


@pytest.mark.parametrize("dag_id", DAILY)
def test_a_run_that_has_begun_ends_before_the_next_begins(bag: "DagBag", dag_id: str) -> None:
    assert bag.dags[dag_id].max_active_runs == ACTIVE_DAYS
    assert {task.weight_rule for task in bag.dags[dag_id].tasks} == {"upstream"}
