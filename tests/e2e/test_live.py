"""The live stack: tasks whose supervisor or engine is killed, and a day that never lands."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.lakes import D1, D2, ids, land, land_days, raw_play

from matinee.engine.server import free_port
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.settings import Settings, load_settings
from matinee.stack.backfills import backfill_environment, create_backfill, watch_backfill
from matinee.stack.launcher import Stack, start, stop
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.airflow, pytest.mark.timeout(900)]
PLAYS, DAG = "core.plays", "plays_daily"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack on free ports with a lake of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATINEE_HOME", str(tmp_path_factory.mktemp("live") / "home"))
        patch.setenv("MATINEE_AIRFLOW_PORT", str(free_port()))
        patch.setenv("MATINEE_SPARK_PORT", str(free_port()))
        settings = load_settings()
        running = start(settings, print)
        yield running
        stop(settings)


def supervised_task(deadline: float) -> psutil.Process:
    """Return the process of the task that runs: a child of the executor's worker, which supervises it."""
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["cmdline"]):
            title = " ".join(process.info["cmdline"] or [])
            if title.startswith("airflow worker -- ") and "LocalExecutor" not in title:
                return process
        time.sleep(0.05)
    raise TimeoutError("no task runs")


def wait_for_branch(lake: Lake, deadline: float) -> None:
    """Wait until the write step has made its branch: the point at which the process is killed."""
    while time.monotonic() < deadline:
        if lake.exists(PLAYS) and any(n.startswith("audit_") for n in lake.table(PLAYS).metadata.refs):
            return
        time.sleep(0.05)
    raise TimeoutError("no audit branch")


def prepared_lake(settings: Settings) -> Lake:
    lake = Lake.open(settings)
    if not lake.exists("raw.plays"):
        land_days(lake, D1, D2)
    return lake


def test_a_task_whose_supervisor_is_killed_is_run_again_and_publishes_once(stack: Stack) -> None:
    lake = prepared_lake(stack.settings)
    stack.api.unpause(DAG)
    create_backfill(backfill_environment(stack.settings), DAG, D1, D1, 1, "test")
    deadline = time.monotonic() + 120
    wait_for_branch(lake, deadline)
    supervisor = supervised_task(deadline).parent()
    assert supervisor is not None
    supervisor.kill()
    supervisor.wait(10)
    assert watch_backfill(stack.settings, DAG, D1, D1, print, 400) == {str(D1): "success"}
    assert ids(lake, PLAYS, "play_id") == ["o1", "p1"]
    assert Validity(lake).status(PLAYS, D1).valid
    assert {record.state for record in history(lake, PLAYS).all()} == {State.PUBLISHED}


def test_the_cron_run_of_a_day_that_never_landed_publishes_nothing(stack: Stack) -> None:
    lake = prepared_lake(stack.settings)
    stack.api.unpause(DAG)
    for run in (dag_run for dag_run in stack.api.dag_runs(DAG) if dag_run.run_type == "scheduled"):
        assert run.state in ("queued", "running", "success")
        assert stack.api.task_states(DAG, run.dag_run_id).get("plays.write") in (None, "skipped")
    assert {record.day for record in history(lake, PLAYS).all()} <= {D1, D2}


def test_files_of_the_stack_are_for_their_owner_only(stack: Stack) -> None:
    home = Path(stack.settings.home)
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "airflow" / "jwt-secret").stat().st_mode & 0o077 == 0


def test_nothing_listens_beyond_the_loopback_interface(stack: Stack) -> None:
    ours = {process.pid for process in psutil.Process().children(recursive=True)}
    for part in (path for path in stack.settings.run_dir.glob("*.pid")):
        leader = int(part.read_text().split()[0])
        if psutil.pid_exists(leader):
            ours |= {leader, *(child.pid for child in psutil.Process(leader).children(recursive=True))}
    listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.pid in ours]
    assert listening
    assert {connection.laddr.ip.removeprefix("::ffff:") for connection in listening} <= {"127.0.0.1", "::1"}


def test_a_restated_input_is_read_by_the_join_that_is_backfilled_after_it(stack: Stack) -> None:
    lake = prepared_lake(stack.settings)
    published = Validity(lake).status(PLAYS, D1).valid
    environment = backfill_environment(stack.settings)
    for dag_id in ("impressions_daily", *(() if published else (DAG,)), "impression_plays_daily"):
        stack.api.unpause(dag_id)
        create_backfill(environment, dag_id, D1, D1, 1, "test")
    assert watch_backfill(stack.settings, "impression_plays_daily", D1, D1, print, 400) == {str(D1): "success"}
    land(lake, "raw.plays", [raw_play(D1, "late")], seq=2, close=False)
    command = [sys.executable, "-m", "matinee.cli.main", "backfill", "apply", "core.plays", "--reason", "late rows"]
    done = subprocess.run(
        [*command, "--from", str(D1), "--to", str(D1)], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ids(lake, "core.play_attributions", "play_id") == ["late", "o1", "p1"]
    assert Validity(lake).status("core.impression_plays", D1).valid
