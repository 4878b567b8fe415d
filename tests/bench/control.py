"""Control plane: what a day costs besides its rows, what DAG files cost, what Airflow adds to a task, the demo."""

import importlib.util
import json
import os
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from matinee.settings import CHECKOUT
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity
from tests.bench import machine, ours
from tests.bench.contenders import CONTENDERS
from tests.bench.demo import run_demo
from tests.bench.inputs import IMPRESSION_PLAYS, Input, built_input
from tests.bench.jobs import Job
from tests.bench.processes import run_child
from tests.bench.tables import print_seconds
from tests.bench.timings import median_steps

Timings = dict[str, object]
TIMES = 5
ROWS = 1_000


@dataclass(frozen=True)
class Control:
    """What one call measured: medians of the steps of a day by engine and of parsing by DAG file, and the demo."""

    document: dict[str, object]
    days: dict[str, dict[str, float]]
    files: dict[str, float]
    demo: dict[str, dict[str, float]]
    failures: tuple[str, ...] = ()

    def print(self) -> None:
        """Print its tables."""
        rows = [(engine, step, seconds) for engine, steps in self.days.items() for step, seconds in steps.items()]
        print_seconds(f"A day of {ROWS} impressions on a warm engine", ("engine", "step"), rows)
        print_seconds("Parsing a DAG file, Airflow imported", ("file",), list(self.files.items()))
        print_seconds("The demo", ("step",), list(self.demo["steps"].items()))
        print_seconds("What Airflow adds to a task", ("task",), list(self.demo["overhead"].items()))

    def save(self, folder: Path) -> None:
        """Write its JSON."""
        (folder / "control.json").write_text(json.dumps(self.document, indent=2) + "\n")


def measure_control(folder: Path, engines: Sequence[str], limit_s: float) -> Control:
    """Run the cycles of a tiny day and parse the DAG files, each several times, and run the demo once.

    Raises:
        ChildFailedError: a measurement failed.
    """
    before = machine.facts()
    tiny = built_input(folder, ROWS, "uniform")
    work, logs = folder.absolute() / "work", folder.absolute() / "logs"
    work.mkdir(parents=True, exist_ok=True)
    # What the children leave behind goes with the folder; Airflow puts its plugins on the path.
    places = {"SPARK_LOCAL_DIRS": str(work / "spark"), "TMPDIR": str(work), "PYTHONPATH": str(CHECKOUT / "plugins")}
    environment = os.environ | places
    timings: Timings = {}
    days = {engine: _day(engine, tiny, work, environment, logs, limit_s, timings) for engine in engines}
    files = {
        path.name: _parsing(path, environment, logs, limit_s, timings)
        for path in sorted((CHECKOUT / "dags").glob("*.py"))
    }
    demo = run_demo(folder, limit_s)
    shutil.rmtree(work, ignore_errors=True)
    document = {
        "machine": before,
        "rows": tiny.rows,
        "timings": timings,
        "day": days,
        "dag_parse": files,
        "demo": demo,
    }
    return Control(document, days, files, {"steps": demo["steps"], "overhead": demo["overhead"]})


def _day(
    engine: str, tiny: Input, work: Path, environment: dict[str, str], logs: Path, limit_s: float, timings: Timings
) -> dict[str, float]:
    arguments = ["day", f"ours-{engine}-cycle", "--input", str(tiny.folder), "--output-dir", str(work / "output")]
    child = run_child(arguments, environment, logs / f"day-{engine}.log", limit_s)
    runs = child.answer["runs"] if child.answer else []
    timings[engine], steps = runs, median_steps(runs)
    click.echo(f"a day on {engine}: {sum(steps.values()):.2f} s", err=True)
    return steps


def _parsing(path: Path, environment: dict[str, str], logs: Path, limit_s: float, timings: Timings) -> float:
    log = logs / f"parse-{path.stem}.log"
    children = [run_child(["parse", str(path)], environment, log, limit_s) for _ in range(TIMES)]
    seconds = [float(child.answer["seconds"]) for child in children if child.answer]
    timings[path.name] = seconds
    click.echo(f"{path.name}: {statistics.median(seconds):.3f} s", err=True)
    return statistics.median(seconds)


def run_days(name: str, source: Input, output: Path) -> dict[str, list[dict[str, float]]]:
    """Publish the day again and again on an engine that is warm; the first time is not counted."""
    contender = CONTENDERS[name]
    runs = []
    with contender.start(Job(source, output), {}) as settings:
        for _ in range(TIMES + 1):
            job = Job(source, output)
            ours.cycle(settings, job)
            start = time.monotonic()
            assert Validity(Lake.open(settings)).status(IMPRESSION_PLAYS, source.day).valid
            runs.append(job.seconds | {f"{IMPRESSION_PLAYS} validity": round(time.monotonic() - start, 3)})
    return {"runs": runs[1:]}


def parse_dag(path: Path) -> dict[str, float]:
    """Import a DAG file as Airflow does, after what every one of them imports."""
    import airflow.sdk  # noqa: F401

    import tests.support.airflow_home  # noqa: F401 - it tells Airflow where its home is

    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    start = time.monotonic()
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return {"seconds": round(time.monotonic() - start, 4)}
