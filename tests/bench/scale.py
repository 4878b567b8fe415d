"""Cost against size: ours, transform and cycle, on inputs of several sizes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from tests.bench import machine
from tests.bench.contenders import CONTENDERS, Contender
from tests.bench.inputs import IMPRESSIONS, built_input
from tests.bench.plots import plot_sizes
from tests.bench.ratios import Ratio, marginal_ratio
from tests.bench.rounds import Rounds
from tests.bench.sizes import size_name
from tests.bench.tables import print_ratios, print_sizes
from tests.bench.timings import Timing, outcome


@dataclass(frozen=True)
class Scale:
    """What one call measured: the medians of each contender at each size."""

    sizes: tuple[int, ...]
    seconds: dict[str, Sequence[float | None]]
    ratios: list[Ratio]
    document: dict[str, object]
    failures: list[str]

    def print(self) -> None:
        """Print its tables."""
        print_sizes([size_name(size) for size in self.sizes], self.seconds)
        print_ratios(self.ratios)

    def save(self, folder: Path) -> None:
        """Write its JSON and its plot."""
        (folder / "scale.json").write_text(json.dumps(self.document, indent=2) + "\n")
        plot_sizes(folder / "scale.png", self.sizes, self.seconds)


def measure_scale(folder: Path, sizes: tuple[int, ...], engines: Sequence[str], rounds: int, limit_s: float) -> Scale:
    """Run the transforms and cycles of these engines on uniform inputs of each size.

    Raises:
        DisagreementError, ChildFailedError: see `Rounds.run`.
    """
    before = machine.facts()
    contenders = [CONTENDERS[f"ours-{engine}{ending}"] for engine in engines for ending in ("", "-cycle")]
    counts: dict[int, dict[str, int]] = {}
    timings: dict[int, list[Timing]] = {}
    for size in sizes:
        click.echo(f"cost of {size_name(size)} rows", err=True)
        runs = Rounds(built_input(folder, size, "uniform"), folder, limit_s)
        runs.run(contenders, rounds)
        counts[size], timings[size] = runs.input.rows, runs.timings
    outcomes = {contender.name: [outcome(contender, timings[size]) for size in sizes] for contender in contenders}
    seconds = {name: [measured.seconds for measured in by_size] for name, by_size in outcomes.items()}
    ratios = _ratios(contenders, {size: rows[IMPRESSIONS] for size, rows in counts.items()}, seconds)
    document: dict[str, object] = {
        "sizes": {size_name(size): counts[size] for size in sizes},
        "limit_s": limit_s,
        "machine": before,
        "timings": {size_name(size): [asdict(timing) for timing in timings[size]] for size in sizes},
        "medians": seconds,
        "ratios": [asdict(ratio) | {"met": ratio.met} for ratio in ratios],
    }
    failures = [name for name, by_size in outcomes.items() if any(measured.failure for measured in by_size)]
    return Scale(sizes, seconds, ratios, document, failures)


def _ratios(
    contenders: Sequence[Contender], rows: Mapping[int, int], seconds: Mapping[str, Sequence[float | None]]
) -> list[Ratio]:
    ratios = []
    for contender in contenders:
        known = {
            count: value
            for count, value in zip(rows.values(), seconds[contender.name], strict=True)
            if value is not None
        }
        value = marginal_ratio(known) if contender.kind == "cycle" and len(known) == len(rows) >= 3 else None
        if value is not None:
            small, middle, great = map(size_name, list(rows)[-3:])
            name = f"{contender.name}: cost of a row, {middle} to {great} / {small} to {middle}"
            ratios.append(Ratio(name, "cycle", value, 1.15))
    return ratios
