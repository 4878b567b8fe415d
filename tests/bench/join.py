"""The join: every contender on one input, its results compared, its ratios against the targets."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from tests.bench import machine
from tests.bench.contenders import Contender
from tests.bench.events import SEED, Skew
from tests.bench.inputs import built_input
from tests.bench.plots import plot_outcomes
from tests.bench.ratios import Ratio, join_ratios
from tests.bench.rounds import Rounds
from tests.bench.sizes import size_name
from tests.bench.tables import print_outcomes, print_ratios
from tests.bench.timings import Outcome, outcome


@dataclass(frozen=True)
class Join:
    """What one call measured."""

    rows: int
    skew: Skew
    limit_s: float
    document: dict[str, object]
    outcomes: list[Outcome]
    ratios: list[Ratio]

    @property
    def failures(self) -> list[str]:
        """The contenders that failed."""
        return [contender.name for contender in self.outcomes if contender.failure]

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"join-{size_name(self.rows)}-{self.skew}"

    def print(self) -> None:
        """Print its tables."""
        size = f"{size_name(self.rows)} impressions, {self.skew}"
        print_outcomes(
            f"{size}: transform is Parquet in and out, cycle is audited Iceberg", self.outcomes, self.limit_s
        )
        print_ratios(self.ratios)

    def save(self, folder: Path) -> None:
        """Write its JSON and its plot."""
        (folder / f"{self.name}.json").write_text(json.dumps(self.document, indent=2) + "\n")
        title = f"{size_name(self.rows)} impressions, {self.skew}"
        plot_outcomes(folder / f"{self.name}.png", title, self.outcomes, self.limit_s)


def measure_join(
    folder: Path, rows: int, skew: Skew, contenders: Sequence[Contender], rounds: int, limit_s: float
) -> Join:
    """Build the input if need be and run the contenders on it.

    Raises:
        DisagreementError, ChildFailedError: see `Rounds.run`.
    """
    before = machine.facts()
    click.echo(f"join of {size_name(rows)} rows, {skew}", err=True)
    runs = Rounds(built_input(folder, rows, skew), folder, limit_s)
    runs.run(contenders, rounds)
    outcomes = [outcome(contender, runs.timings) for contender in contenders]
    by_name = {contender.name: contender for contender in outcomes}
    ratios = join_ratios(by_name, limit_s, _uniform_medians(folder, rows) if skew == "hot" else None)
    document: dict[str, object] = {
        "rows": runs.input.rows,
        "skew": skew,
        "seed": SEED,
        "limit_s": limit_s,
        "machine": before,
        "timings": [asdict(timing) for timing in runs.timings],
        "contenders": [asdict(contender) for contender in outcomes],
        "ratios": [asdict(ratio) | {"met": ratio.met} for ratio in ratios],
        "agreed": dict(runs.agreed),
    }
    return Join(rows, skew, limit_s, document, outcomes, ratios)


def _uniform_medians(folder: Path, rows: int) -> dict[str, float]:
    """Return the medians of an earlier call on uniform data of this size, if there was one."""
    path = folder / f"join-{size_name(rows)}-uniform.json"
    if not path.is_file():
        return {}
    contenders = json.loads(path.read_text())["contenders"]
    return {contender["name"]: contender["seconds"] for contender in contenders if contender["seconds"] is not None}
