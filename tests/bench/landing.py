"""Landing beside DuckDB, small files beside large ones, one more file beside the first: CPU seconds of whole trees."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import click

from matinee.settings import Settings, load_settings
from tests.bench import machine
from tests.bench.landing_history import DATASET, build_history
from tests.bench.landing_inputs import LandingFiles, landing_files
from tests.bench.processes import ChildFailedError, run_child
from tests.bench.ratios import Ratio
from tests.bench.rounds import DisagreementError
from tests.bench.sizes import size_name
from tests.bench.tables import print_ratios, print_seconds

PARTS = ("ndjson", "gzipped", "parquet", "small", "history")
BATCHES, HISTORY = 5_000, "history"


@dataclass(frozen=True)
class Contender:
    """Lands or copies files in processes of its own.

    Attributes:
        name: the contender's name.
        command: what it runs; it prints how many rows it took, or the reports of `matinee ingest`.
        rows: how many rows the contender must take.
        prepare: puts its lake into the state to begin with.
    """

    name: str
    command: Sequence[str]
    rows: int
    prepare: Callable[[], None]


@dataclass(frozen=True)
class Pair:
    """Two contenders: the first is to take at most `target` times the CPU seconds of the second."""

    kind: str
    ours: Contender
    other: Contender
    target: float


@dataclass(frozen=True)
class Landing:
    """What one call measured: the CPU seconds of each contender, round by round, and the ratios of the pairs."""

    rows: int
    document: dict[str, object]
    cpu_s: dict[str, list[float]]
    ratios: list[Ratio]

    @property
    def failures(self) -> Sequence[str]:
        """Nothing is caught here: what fails ends the call."""
        return ()

    def print(self) -> None:
        """Print its tables."""
        title = f"{size_name(self.rows)} rows: CPU seconds of all processes, their start included"
        print_seconds(title, ("contender",), [(name, median(taken)) for name, taken in self.cpu_s.items()])
        print_ratios(self.ratios, "2M rows")

    def save(self, folder: Path) -> None:
        """Write its JSON."""
        (folder / f"landing-{size_name(self.rows)}.json").write_text(json.dumps(self.document, indent=2) + "\n")


def measure_landing(folder: Path, parts: Sequence[str], rows: int, rounds: int, limit_s: float) -> Landing:
    """Build the files if need be and run the pairs of some kinds on them, one pair after another in each round.

    Raises:
        ChildFailedError: a contender failed.
        DisagreementError: a contender took another number of rows than there are.
    """
    before = machine.facts()
    files, work = landing_files(folder, rows), folder.absolute() / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    settings = load_settings(home=work / "home", catalog="embedded", spark_remote=None)
    pairs = [pair for pair in _pairs(files, settings, work) if pair.kind in parts]
    measured: dict[str, list[tuple[float, float]]] = {pair.kind: [] for pair in pairs}
    if "history" in parts:
        build_history(settings, sorted(files.source("batch").iterdir()), BATCHES)
        settings.home.rename(work / HISTORY)
    for number in range(1, rounds + 1):
        for pair in pairs:
            taken = [_run(contender, settings, folder.absolute(), limit_s) for contender in (pair.ours, pair.other)]
            measured[pair.kind].append((taken[0], taken[1]))
            click.echo(f"round {number}  {pair.kind}: {taken[0]:.2f} / {taken[1]:.2f} CPU s", err=True)
    shutil.rmtree(work)
    ratios = [
        Ratio(
            f"{pair.ours.name} / {pair.other.name}",
            pair.kind,
            median(a / b for a, b in measured[pair.kind]),
            pair.target,
        )
        for pair in pairs
    ]
    cpu_s = {
        f"{pair.kind}: {contender.name}": [taken[place] for taken in measured[pair.kind]]
        for pair in pairs
        for place, contender in enumerate((pair.ours, pair.other))
    }
    document = {"rows": rows, "machine": before, "cpu_s": cpu_s, "ratios": [asdict(ratio) for ratio in ratios]}
    return Landing(rows, document, cpu_s, ratios)


def _pairs(files: LandingFiles, settings: Settings, work: Path) -> list[Pair]:
    def ours(name: str, kind: str) -> Contender:
        command = [sys.executable, "-m", "matinee.cli.main", "ingest", DATASET, "--from", str(files.source(kind))]
        empty = partial(shutil.rmtree, settings.home, ignore_errors=True)
        return Contender(name, [*command, "--output", "json"], files.rows[kind], empty)

    def duckdb(kind: str) -> Contender:
        target = work / "copied"
        command = [sys.executable, "-m", "tests.bench.peers.duckdb_copy", files.pattern(kind), str(target)]
        return Contender("DuckDB", command, files.rows[kind], partial(shutil.rmtree, target, ignore_errors=True))

    new = ours("on a new lake", "one")
    after = replace(
        new, name=f"one more file after {BATCHES:,} batches", prepare=partial(_take_back, settings, work / HISTORY)
    )
    return [
        Pair("ndjson", ours("ours", "ndjson"), duckdb("ndjson"), 3),
        Pair("gzipped", ours("ours", "gzipped"), duckdb("gzipped"), 3),
        Pair("parquet", ours("ours", "parquet"), duckdb("parquet"), 2.5),
        Pair("small", ours("files of 300 lines", "many"), ours("the same lines in 20 files", "few"), 2),
        Pair("history", after, new, 1.3),
    ]


def _take_back(settings: Settings, kept: Path) -> None:
    shutil.rmtree(settings.home, ignore_errors=True)
    shutil.copytree(kept, settings.home)


def _run(contender: Contender, settings: Settings, folder: Path, limit_s: float) -> float:
    """Run a contender once; return the CPU seconds of its processes."""
    contender.prepare()
    environment = os.environ | {"MATINEE_HOME": str(settings.home), "MATINEE_CATALOG": "embedded"}
    log = folder / "logs" / "landing.log"
    child = run_child(["counted", "--", *contender.command], environment, log, limit_s)
    if child.answer is None:
        raise ChildFailedError(f"{contender.name} did not end in {limit_s:g} s.")
    printed = json.loads(child.answer["printed"])
    rows = printed if isinstance(printed, int) else sum(row["rows in"] for row in printed)
    if rows != contender.rows:
        raise DisagreementError(f"{contender.name} took {rows} rows, there are {contender.rows}.")
    return float(child.answer["cpu_s"])
