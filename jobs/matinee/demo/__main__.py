"""The demo: days of events through the real stack, and a check of every number against its source.

`python -m matinee.demo [--source DIR]`. Exit 0 only if every day was published and is valid, no row was lost or
invented, and the attributions equal the recorded truth.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from shlex import quote

import click

from matinee import entry
from matinee.cli.output import OUT
from matinee.days import day_range
from matinee.demo.home import fresh_home
from matinee.demo.proof import Proof, prove
from matinee.demo.summary import print_summary
from matinee.errors import UsageError
from matinee.landing.ingest import close_through, ingest
from matinee.private import write_private
from matinee.report import Report, timed
from matinee.settings import Settings, load_settings
from matinee.stack.backfills import RunStates, backfill_environment, create_backfill, watch_backfill
from matinee.stack.launcher import Stack, start, stop
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes

DAGS = ("impressions_daily", "plays_daily", "impression_plays_daily")
RAW = ("raw.impressions", "raw.plays")
ACTIVE_RUNS = 3


@dataclass
class Progress:
    """What the demo is doing, with the seconds since it began; and how long each step took."""

    began: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)

    def tell(self, line: str) -> None:
        """Print one line."""
        OUT.print(f"{time.monotonic() - self.began:6.1f} s  {line}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--source", type=click.Path(path_type=Path), help="Folder of your own event files.")
def main(source: Path | None) -> None:
    """Run the demo in a lake of its own below MATINEE_HOME; each call replaces this lake.

    \b
    Example:
      make demo
      make demo SOURCE=/data/events
    """
    progress = Progress()
    _check_source(source)
    settings = fresh_home(load_settings(), "demo")
    proof = _run(settings, source, progress)
    OUT.print(
        f"The lake stays in {settings.home}: MATINEE_HOME={quote(str(settings.home))} matinee vtts list",
        highlight=False,
    )
    sys.exit(0 if proof.holds else 1)


def _check_source(source: Path | None) -> None:
    for word in ("impressions", "plays") if source is not None else ():
        if not any(source.glob(f"{word}*")):  # type: ignore[union-attr]
            raise UsageError(
                f"SOURCE={source} has no files whose names start with {word}.",
                next_step="Name a folder with impressions* and plays* files (NDJSON, NDJSON.gz or Parquet).",
            )


def _run(settings: Settings, source: Path | None, progress: Progress) -> Proof:
    with timed(progress.seconds, "simulate"):
        landing = source or _simulate(settings, progress)
    with timed(progress.seconds, "start"):
        stack = start(settings, progress.tell)
    try:
        running = settings.model_copy(update={"spark_remote": stack.spark_remote})
        with timed(progress.seconds, "land"):
            landed = _land(running, landing, progress, closing=source is not None)
        first, last = _days(running)
        with timed(progress.seconds, "backfill"):
            states = _backfill(running, stack, first, last, progress)
        with timed(progress.seconds, "check"):
            proof = prove(Lake.open(running), landing, landed, first, last, states)
        print_summary(Lake.open(running), proof, landed, progress.seconds)
        told = json.dumps({"holds": proof.holds, "seconds": progress.seconds}, indent=2)
        write_private(settings.home / "demo.json", f"{told}\n")
    finally:
        progress.tell("stopping")
        stop(settings)
    return proof


def _simulate(settings: Settings, progress: Progress) -> Path:
    from matinee.sources.simulator import SimulatorOptions, simulate

    folder = settings.home / "landing"
    options = SimulatorOptions()
    simulate(options, folder)
    progress.tell(f"{options.days} days of {options.profiles} profiles are simulated in {folder}")
    return folder


def _land(settings: Settings, folder: Path, progress: Progress, *, closing: bool) -> list[Report]:
    reports = ingest(settings, None, [str(folder)])
    if closing:
        lake = Lake.open(settings)
        days = [day for name in RAW for day in day_sizes(lake.table(name), "event_day")]
        close_through(settings, None, max(days))
    rows = sum(report.rows.read for report in reports if report.dataset in RAW)
    progress.tell(f"{rows:,} lines of {len(reports)} files are landed")
    return reports


def _days(settings: Settings) -> tuple[date, date]:
    from matinee.validity.manifests import declared

    closed = [day for (_, day), manifest in declared(Lake.open(settings)).items() if manifest.closed]
    return min(closed), max(closed)


def _backfill(settings: Settings, stack: Stack, first: date, last: date, progress: Progress) -> dict[str, RunStates]:
    for dag_id in DAGS:
        stack.api.unpause(dag_id)
    workers = ThreadPoolExecutor(max_workers=len(DAGS))
    try:
        # Each call of Airflow's command line takes seconds of start-up; the join waits for its inputs by its sensor.
        start = partial(create_backfill, backfill_environment(settings))
        for created in [workers.submit(start, dag, first, last, ACTIVE_RUNS, "demo") for dag in DAGS]:
            created.result()
        progress.tell(f"backfills of {', '.join(DAGS)} are created, {first} to {last}")

        def watch(dag_id: str) -> RunStates:
            return watch_backfill(settings, dag_id, first, last, lambda states: _tell(progress, dag_id, states))

        *upstream, join = DAGS
        states = dict(zip(upstream, workers.map(watch, upstream), strict=True))
        if all(state == "success" for run_states in states.values() for state in run_states.values()):
            return states | {join: watch(join)}
        # The join would wait for inputs that failed.
        return states | {join: {str(day): "not waited for" for day in day_range(first, last)}}
    finally:
        # An interrupt must not wait for the threads that watch.
        workers.shutdown(wait=False, cancel_futures=True)


def _tell(progress: Progress, dag_id: str, states: RunStates) -> None:
    progress.tell(f"{dag_id}: " + "; ".join(f"{key} {state}" for key, state in states.items()))


if __name__ == "__main__":
    entry.run(main, "python -m matinee.demo")
