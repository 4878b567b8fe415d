"""The demo, timed: seconds of its steps, and what Airflow adds to each task beside the seconds of our own step."""

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from matinee.engine.server import free_port
from matinee.settings import CHECKOUT
from tests.bench.processes import ChildFailedError

_TASKS = """
    SELECT t.dag_id, t.task_id, t.queued_dttm, t.start_date, t.end_date, x.value
    FROM task_instance t
    JOIN xcom x ON x.dag_id = t.dag_id AND x.task_id = t.task_id AND x.run_id = t.run_id AND x.map_index = t.map_index
    WHERE x.key = 'return_value' AND t.state = 'success' AND t.operator = 'ConnectStep'
    ORDER BY t.start_date
"""


@dataclass(frozen=True)
class Task:
    """One run of a task: seconds from its queue to its start, from start to end, and of the step within."""

    name: str
    queued: float
    running: float
    step: float

    @property
    def overhead(self) -> float:
        """The seconds that Airflow and the start of the task's process take."""
        return round(self.queued + self.running - self.step, 3)


def run_demo(folder: Path, limit_s: float) -> dict[str, object]:
    """Run the demo in a home of its own below a folder; return the seconds of its steps and of its tasks.

    Raises:
        ChildFailedError: it failed.
    """
    home, log = folder.absolute() / "demo-home", folder.absolute() / "logs" / "demo.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    ports = {"MATINEE_AIRFLOW_PORT": str(free_port()), "MATINEE_SPARK_PORT": str(free_port())}
    environment = os.environ | ports | {"MATINEE_HOME": str(home)}
    command = [sys.executable, "-m", "matinee.demo"]
    with log.open("w") as printed:
        done = subprocess.run(
            command, env=environment, cwd=CHECKOUT, stdout=printed, stderr=printed, timeout=limit_s, check=False
        )
    if done.returncode:
        raise ChildFailedError(f"demo: {'; '.join(log.read_text().splitlines()[-8:])}")
    tasks = tasks_of(home / "demo" / "airflow" / "airflow.db")
    steps = json.loads((home / "demo" / "demo.json").read_text())["seconds"]
    shutil.rmtree(home, ignore_errors=True)
    return {"steps": steps, "overhead": overheads(tasks), "tasks": [asdict(task) for task in tasks]}


def tasks_of(database: Path) -> list[Task]:
    """Return the tasks that ended well and left a report, by their start."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [_task(*row) for row in connection.execute(_TASKS)]


def _task(dag: str, task: str, queued: str, start: str, end: str, report: str) -> Task:
    at, began, ended = (datetime.fromisoformat(text) for text in (queued, start, end))
    step = sum(json.loads(report)["seconds"].values())
    return Task(
        f"{dag} {task}",
        round((began - at).total_seconds(), 3),
        round((ended - began).total_seconds(), 3),
        round(step, 3),
    )


def overheads(tasks: Iterable[Task]) -> dict[str, float]:
    """Return the median overhead by task."""
    by_name = defaultdict(list)
    for task in tasks:
        by_name[task.name].append(task.overhead)
    return {name: round(statistics.median(values), 3) for name, values in by_name.items()}
