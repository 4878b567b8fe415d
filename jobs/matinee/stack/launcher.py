"""Start, stop and look at the embedded stack."""

import operator
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from matinee.engine.access import forget_token, keep_token
from matinee.engine.processes import find, log_of, spawn, stop_all, tail_of
from matinee.engine.server import SPARK
from matinee.errors import EnvironmentNotReadyError
from matinee.private import private_folder
from matinee.retries import wait_until
from matinee.settings import CHECKOUT, Settings
from matinee.stack.api import AirflowApi
from matinee.stack.checks import airflow_command, check_machine
from matinee.stack.environment import (
    HOST,
    StackSettings,
    airflow_environment,
    alerts_environment,
    scheduler_environment,
)
from matinee.stack.supervisor import NAME as SUPERVISOR
from matinee.stack.supervisor import outage_file, start_engine

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    # `airflow standalone` would open its log servers on all interfaces; the UI reads the local log folder.
    "airflow-api-server": ("api-server", "--host", HOST),
    "airflow-scheduler": ("scheduler", "--skip-serve-logs"),
    "airflow-dag-processor": ("dag-processor",),
    "airflow-triggerer": ("triggerer", "--skip-serve-logs"),
}
WATCHER = "alerts-watcher"
NAMES = (SPARK, SUPERVISOR, *COMPONENTS, WATCHER)
SPARK_POOL, ALERTS_POOL = "spark", "alerts"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Stack:
    """A running stack and where to find its parts."""

    settings: Settings
    airflow_url: str
    spark_remote: str

    @property
    def api(self) -> AirflowApi:
        """Airflow's REST API."""
        return AirflowApi(self.airflow_url)


@dataclass(frozen=True)
class ComponentStatus:
    """One component: its process id (None: not running) and the file with its output."""

    name: str
    pid: int | None
    log: str


def start(settings: Settings, progress: Progress = print, timeout_s: float = 180) -> Stack:
    """Start the stack and wait until all of it is healthy and every DAG is parsed; on failure nothing stays behind.

    Args:
        settings: the lake whose home holds logs, pids and Airflow's own files.
        progress: gets one line for each thing that was done.
        timeout_s: how long the start may take.

    Raises:
        EnvironmentNotReadyError: the stack runs already, the machine lacks something, or a component did not start.
        EngineUnavailableError: the Spark Connect server did not start.
    """
    ours = StackSettings()
    running = [component.name for component in status(settings) if component.pid is not None]
    if running:
        raise EnvironmentNotReadyError(
            f"This lakehouse already runs ({', '.join(running)}).", next_step="Use it, or stop it with `make down`."
        )
    private_folder(settings.home)
    check_machine(settings, ours)
    private_folder(settings.run_dir)
    # Where the landing DAG looks, unless MATINEE_LANDING_DIR names another folder: a missing folder is an error.
    private_folder(settings.home / "landing")
    keep_token(settings)
    try:
        _start_parts(settings, ours, progress, timeout_s)
    except BaseException:
        stop(settings)
        raise
    return Stack(settings, ours.airflow_url, ours.spark_remote)


def stop(settings: Settings) -> list[str]:
    """Stop the components that still run, in reverse order of their start; return their names."""
    stopped = stop_all(settings, reversed(NAMES))
    forget_token(settings)
    outage_file(settings).unlink(missing_ok=True)
    return stopped


def status(settings: Settings) -> tuple[ComponentStatus, ...]:
    """Return each component, running or not."""
    processes = ((name, find(settings, name)) for name in NAMES)
    return tuple(ComponentStatus(name, p.pid if p else None, str(log_of(settings, name))) for name, p in processes)


def _start_parts(settings: Settings, ours: StackSettings, progress: Progress, timeout_s: float) -> None:
    environment = airflow_environment(settings)
    with ThreadPoolExecutor(max_workers=1) as background:
        spark = background.submit(start_engine, settings, ours.spark_port)
        _migrate(environment)
        progress("Airflow's database is ready")
        for name, (command, *arguments) in COMPONENTS.items():
            port = ["--port", str(ours.airflow_port)] if command == "api-server" else []
            whole = scheduler_environment(environment, ours) if command == "scheduler" else environment
            spawn(settings, name, [airflow_command(), command, *arguments, *port], whole)
        spark.result()
    outage_file(settings).unlink(missing_ok=True)
    spawn(settings, SUPERVISOR, [sys.executable, "-m", "matinee.stack", "supervise"], environment)
    watch = [sys.executable, "-m", "matinee.cli.main", "alerts", "watch"]
    spawn(settings, WATCHER, watch, environment | alerts_environment(ours))
    progress(f"Spark listens at {ours.spark_remote}")
    api = AirflowApi(ours.airflow_url)
    _wait_healthy(settings, api, progress, timeout_s)
    api.ensure_pool(SPARK_POOL, ours.spark_slots)
    api.ensure_pool(ALERTS_POOL, 1)
    _wait_parsed(settings, api, timeout_s)
    progress(f"Airflow is healthy at {ours.airflow_url}")


def _migrate(environment: Mapping[str, str]) -> None:
    done = subprocess.run(  # noqa: S603
        [airflow_command(), "db", "migrate"], env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise EnvironmentNotReadyError(
            f"Airflow's database cannot be prepared: {lines[-1] if lines else done.returncode}.",
            next_step="Check MATINEE_AIRFLOW_DB, or remove the folder airflow/ of MATINEE_HOME to start over.",
            facts={"output": "\n".join(lines[-20:])},
        )


def _wait_healthy(settings: Settings, api: AirflowApi, progress: Progress, timeout_s: float) -> None:
    told: set[str] = set()

    def look() -> bool:
        _check_alive(settings)
        health = api.health()
        for part in sorted(name for name, state in health.items() if state == "healthy" and name not in told):
            progress(f"Airflow's {part.replace('_', ' ')} is healthy")
            told.add(part)
        return told >= {"metadatabase", "scheduler", "triggerer", "dag_processor"}

    if not wait_until(look, timeout_s, 0.5):
        raise _late(settings, f"Airflow is not healthy in time: {api.health() or 'no answer'}")


def _wait_parsed(settings: Settings, api: AirflowApi, timeout_s: float) -> None:
    expected = {path.stem for path in (CHECKOUT / "dags").glob("*.py")}

    def missing() -> set[str]:
        _check_alive(settings)
        left = expected - api.dag_ids()
        if left and (broken := api.import_errors()):
            file, trace = next(iter(broken.items()))
            cause = trace.splitlines()[-1]
            raise EnvironmentNotReadyError(f"{file} cannot be imported: {cause}.", next_step="Correct it.")
        return left

    if left := wait_until(missing, timeout_s, 0.5, operator.not_):
        raise _late(settings, f"Airflow has not parsed {', '.join(sorted(left))} in time")


def _check_alive(settings: Settings) -> None:
    for name in NAMES:
        if find(settings, name) is None:
            raise EnvironmentNotReadyError(
                f"{name} ended while it started: {tail_of(settings, name)}",
                next_step=f"Read {log_of(settings, name)}.",
                facts={"component": name},
            )


def _late(settings: Settings, what: str) -> EnvironmentNotReadyError:
    return EnvironmentNotReadyError(f"{what}.", next_step=f"Read the logs in {settings.run_dir}.")
