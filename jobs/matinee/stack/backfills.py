"""Backfills of the embedded Airflow: started by its own command, watched through its API."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from matinee.errors import TransientError, UsageError
from matinee.retries import wait_until
from matinee.settings import Settings
from matinee.stack.api import AirflowApi
from matinee.stack.checks import airflow_command
from matinee.stack.environment import StackSettings, airflow_environment
from matinee.stack.launcher import COMPONENTS, status

RunStates = dict[str, str]
MARKING_S = 120.0


def backfill_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the Airflow to talk to: this lake's own stack where it runs, else the caller's."""
    runs = any(part.pid for part in status(settings) if part.name in COMPONENTS)
    return airflow_environment(settings, StackSettings()) if runs else dict(os.environ)


def create_backfill(
    environment: Mapping[str, str], dag_id: str, first: date, last: date, max_active_runs: int, reason: str
) -> None:
    """Start a backfill of the keys first to last, oldest first; keys that ran before run again.

    Airflow marks a backfill as completed some time after its last run: a refusal for that reason is waited out.

    Raises:
        UsageError: Airflow refused the backfill, for example because another backfill of the DAG is still running.
        EnvironmentNotReadyError: Airflow is not installed here.
    """
    command = [
        *(airflow_command(), "backfill", "create", "--dag-id", dag_id),
        *("--from-date", first.isoformat(), "--to-date", last.isoformat()),
        *("--reprocess-behavior", "completed", "--max-active-runs", str(max_active_runs)),
        *("--dag-run-conf", json.dumps({"reason": reason})),
    ]

    def create() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)  # noqa: S603

    done = wait_until(create, MARKING_S, 5, lambda made: "AlreadyRunningBackfill" not in made.stdout + made.stderr)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise UsageError(
            f"Airflow refused the backfill of {dag_id}: {lines[-1] if lines else done.returncode}.",
            next_step="See the DAG's Backfills tab; one backfill of a DAG runs at a time.",
            facts={"dag_id": dag_id, "output": "\n".join(lines[-10:])},
        )


def watch_backfill(
    settings: Settings,
    dag_id: str,
    first: date,
    last: date,
    progress: Callable[[RunStates], None],
    timeout_s: float = 1800,
) -> RunStates:
    """Wait until every key of a backfill has ended and return the state of each key's newest backfill run.

    Args:
        settings: the lake.
        dag_id: the DAG.
        first: the first key.
        last: the last key.
        progress: gets the states whenever they change: by key the run's state, then the tasks that run or wait.
        timeout_s: how long the backfill may take.

    Raises:
        TransientError: the backfill has not ended in time.
    """
    api = AirflowApi(StackSettings().airflow_url)
    expected = (last - first).days + 1

    def ended(states: RunStates) -> bool:
        return len(states) == expected and set(states.values()) <= {"success", "failed"}

    if not ended(states := wait_until(partial(_states, api, dag_id, first, last), timeout_s, 1, ended, progress)):
        raise TransientError(
            f"The backfill of {dag_id} has not ended after {timeout_s:.0f} s: {states}.",
            next_step=f"Look at the DAG's runs in {api.url}, and at the logs in {settings.run_dir}.",
        )
    return states


def _states(api: AirflowApi, dag_id: str, first: date, last: date) -> RunStates:
    states: RunStates = {}
    for run in api.dag_runs(dag_id):  # newest first, so that the first of a key counts
        key = run.partition_key
        if run.run_type != "backfill" or key is None or not first.isoformat() <= key <= last.isoformat():
            continue
        if key not in states:
            states[key] = run.state.value if run.state != "running" else _busy(api, dag_id, run.dag_run_id)
    return dict(sorted(states.items()))


def _busy(api: AirflowApi, dag_id: str, run_id: str) -> str:
    at_work = {"running", "deferred", "queued", "up_for_retry"}
    tasks = [f"{task} {state}" for task, state in api.task_states(dag_id, run_id).items() if state in at_work]
    return ", ".join(tasks) or "running"
