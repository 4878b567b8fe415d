"""What bookkeeping costs after years and at many datasets: CPU seconds of questions, beside those on a young lake.

Each question is asked in a process of its own, first on a lake of two days: imports and the start of the engine are not
counted. Where a question changes the lake, the next round asks it on the lake that the last one left.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import click

from matinee.settings import CHECKOUT, Settings, load_settings
from tests.bench import machine
from tests.bench.history_lake import build_history
from tests.bench.processes import run_child
from tests.bench.ratios import Ratio
from tests.bench.tables import print_ratios, print_seconds

FEW, MANY = 4, 50
#: The lakes: published datasets and days of history; the others are compared with the first one.
LAKES = ((FEW, 30), (FEW, 400), (FEW, 1200), (MANY, 30))
#: The questions about all datasets: their cost is divided by the number of datasets.
OF_ALL = ("vtts", "late", "watch", "upkeep")
TARGET = 1.2


@dataclass(frozen=True)
class Growth:
    """What one call measured: by question and lake the CPU seconds, round by round, and what else was counted."""

    document: dict[str, object]
    cpu_s: dict[tuple[str, str], list[float]]
    ratios: list[Ratio]

    @property
    def failures(self) -> Sequence[str]:
        """Nothing is caught here: what fails ends the call."""
        return ()

    def print(self) -> None:
        """Print its tables."""
        rows = [(*names, median(taken)) for names, taken in self.cpu_s.items()]
        print_seconds("CPU of a question, imports and engine start not counted", ("question", "lake"), rows)
        print_ratios(self.ratios, "these lakes")

    def save(self, folder: Path) -> None:
        """Write its JSON."""
        (folder / "growth.json").write_text(json.dumps(self.document, indent=2) + "\n")


def measure_growth(folder: Path, questions: Sequence[str], rounds: int, limit_s: float) -> Growth:
    """Build the lakes and ask each question of each of them, one lake after another in each round.

    Raises:
        ChildFailedError: a question failed.
    """
    before, work = machine.facts(), folder.absolute() / "growth"
    # What is beside this file is measured, whatever is installed.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(CHECKOUT / name) for name in ("jobs", "plugins"))}
    shutil.rmtree(work, ignore_errors=True)
    lakes = {_name(datasets, days): _build(work, datasets, days) for datasets, days in LAKES}
    warm = _build(work, FEW, 2)
    cpu_s: dict[tuple[str, str], list[float]] = {(question, name): [] for question in questions for name in lakes}
    counted: dict[str, object] = {}
    for _ in range(rounds):
        for question in questions:
            for name, settings in lakes.items():
                arguments = ["ask", question, "--warm", str(warm.home), "--home", str(settings.home)]
                log = folder / "logs" / f"growth-{question}.log"
                answer = run_child(arguments, environment, log, limit_s).answer or {}
                cpu_s[question, name].append(float(answer["cpu_s"]))
                counted[f"{question}, {name}"] = answer
                click.echo(f"{question} of {name}: {answer}", err=True)
    ratios = [ratio for question in questions for ratio in _ratios(question, cpu_s)]
    document = {
        "machine": before,
        "cpu_s": {", ".join(names): taken for names, taken in cpu_s.items()},
        "counted": counted,
        "ratios": [asdict(ratio) for ratio in ratios],
    }
    shutil.rmtree(work)
    return Growth(document, cpu_s, ratios)


def _name(datasets: int, days: int) -> str:
    return f"{datasets} datasets, {days} days"


def _build(work: Path, datasets: int, days: int) -> Settings:
    home = work / f"{datasets}x{days}"
    click.echo(f"building {_name(datasets, days)}", err=True)
    settings = load_settings(home=home, catalog="embedded", spark_remote=None, engine="sail")
    return build_history(settings, datasets, days)


def _ratios(question: str, cpu_s: dict[tuple[str, str], list[float]]) -> list[Ratio]:
    seconds = {_name(*lake): median(cpu_s[question, _name(*lake)]) for lake in LAKES}
    (_, young), (_, middle), (_, old) = LAKES[:3]
    first, last, many = (seconds[_name(*lake)] for lake in (LAKES[0], LAKES[2], LAKES[3]))
    share = FEW / MANY if question in OF_ALL else 1.0
    slope = (last - seconds[_name(FEW, middle)]) / (old - middle) * 1000
    return [
        Ratio(f"{question}: {old} days / {young}", "growth", last / first, TARGET),
        Ratio(f"{question}: {MANY} datasets / {FEW}, each", "growth", many * share / first, TARGET),
        Ratio(f"{question}: CPU s a thousand days more", "growth", slope, None),
    ]
