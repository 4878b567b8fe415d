"""Moves of `main`: what publishing costs where `main` stands still, and where it moved in other days meanwhile."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import click

from matinee.engine.server import free_port, start_server, stop_server
from matinee.ledger.model import Run
from matinee.publication import steps
from matinee.publication.move import Published
from matinee.publication.request import RunRequest
from matinee.report import Verdict
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake
from tests.bench.inputs import CHAIN, IMPRESSION_PLAYS, IMPRESSIONS
from tests.bench.processes import run_child
from tests.bench.timings import median_steps
from tests.support.lakes import D1, D2, D3, land_days

TIMES = 15
#: Some audits of the first dataset look across days and run again on a replay; the second has no such audits.
MOVED = (IMPRESSIONS, IMPRESSION_PLAYS)


@dataclass(frozen=True)
class Moves:
    """Seconds of each move by what moved, and their medians."""

    runs: list[dict[str, float]]
    medians: dict[str, float]


def measure_moving(folder: Path, engines: Sequence[str], limit_s: float) -> dict[str, Moves]:
    """Publish changes of a tiny lake, each engine in a process of its own.

    Raises:
        ChildFailedError: a run failed.
    """
    moves = {}
    for engine in engines:
        work, log = folder.absolute() / "work", folder.absolute() / "logs" / f"moving-{engine}.log"
        shutil.rmtree(work, ignore_errors=True)
        environment = os.environ | {"SPARK_LOCAL_DIRS": str(work / "spark")}
        child = run_child(["moving", engine, "--output-dir", str(work)], environment, log, limit_s)
        runs = child.answer["runs"] if child.answer else []
        moves[engine] = Moves(runs, median_steps(runs))
        click.echo(f"moves of main, {engine}: {moves[engine].medians}", err=True)
    return moves


def move_main(engine: str, work: Path) -> dict[str, list[dict[str, float]]]:
    """Publish pairs of changes made from the same `main`: the first moves it, the second is replayed onto it.

    Returns:
        Seconds from the call of `publish` until `main` is at the new head, and those of the whole call, which then
        records and tags what it published; the first pair is not counted.
    """
    with _engine(work / "lake", engine) as settings:
        land_days(Lake.open(settings), D1, D2, D3)
        for dataset in CHAIN:
            steps.run(settings, RunRequest(dataset, D1, D3))
        runs = [_moves(settings, number) for number in range(TIMES + 1)]
    return {"runs": runs[1:]}


def _moves(settings: Settings, number: int) -> dict[str, float]:
    seconds = {}
    for dataset in MOVED:
        # The two publications have no day in common.
        pair = [RunRequest(dataset, day, day, attempt=f"move{number}") for day in (D3, D1)]
        written = [steps.write(settings, request).publication_id or "" for request in pair]
        for identity in written:
            steps.audit(settings, dataset, identity)
        for identity, name in zip(written, ("moved", "replayed"), strict=True):
            with _noted_moves() as moved:
                start = time.monotonic()
                report = steps.publish(settings, dataset, identity)
                seconds[f"{dataset} {name}, whole call"] = round(time.monotonic() - start, 3)
            seconds[f"{dataset} {name}"] = round(moved[-1] - start, 3)
            assert report.replayed == (name == "replayed")
    return seconds


@contextmanager
def _noted_moves() -> Iterator[list[float]]:
    """Yield a list that gets the instant at which `main` has moved, each time that a publication moves it."""
    original, moved = steps.move_to_main, list[float]()

    def noted(lake: Lake, run: Run, audit_again: Callable[[int], tuple[Verdict, ...]]) -> Published:
        published = original(lake, run, audit_again)
        moved.append(time.monotonic())
        return published

    with patch.object(steps, "move_to_main", noted):
        yield moved


@contextmanager
def _engine(home: Path, engine: str) -> Iterator[Settings]:
    settings = load_settings(home=home, catalog="embedded", engine=engine, spark_remote=None)
    if engine == "sail":
        yield settings
        return
    server = start_server(settings, free_port(), die_with_us=True)
    try:
        yield settings.model_copy(update={"spark_remote": server.remote})
    finally:
        stop_server(server)
        server.log.unlink(missing_ok=True)
