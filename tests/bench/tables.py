"""Tables: what a call prints."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from tests.bench.ratios import Ratio
from tests.bench.timings import Outcome

# A log has no terminal whose width the tables must fit.
OUT = Console(width=None if sys.stdout.isatty() else 140)


def print_outcomes(title: str, outcomes: Iterable[Outcome], limit_s: float) -> None:
    """Print a row for each contender, and one for each step of a cycle."""
    listed = list(outcomes)
    rows = [
        (
            outcome.name,
            outcome.kind,
            outcome.engine,
            _seconds(outcome.seconds),
            f"{outcome.peak_bytes / 1e9:.1f}",
            _note(outcome, limit_s),
        )
        for outcome in listed
    ]
    _print(title, ("contender", "kind", "engine", "median s", "peak GB", "note"), rows)
    steps = [(outcome.name, *step) for outcome in listed if outcome.kind == "cycle" for step in outcome.steps.items()]
    if steps:
        print_seconds("The cycles, by step", ("contender", "step"), steps)


def print_seconds(title: str, header: Sequence[str], rows: Iterable[tuple[str | float, ...]]) -> None:
    """Print rows that end with a median in seconds."""
    _print(title, (*header, "median s"), [(*map(str, row[:-1]), f"{row[-1]:.3f}") for row in rows])


def print_watch(title: str, rows: dict[str, tuple[float, ...]]) -> None:
    """Print what the looks of an hour took."""
    header = ("hour", "CPU s a look", "highest", "memory MB")
    _print(title, header, [(name, *(f"{value:.3g}" for value in values)) for name, values in rows.items()])


def print_ratios(ratios: Iterable[Ratio], hold_for: str = "10M rows on a quiet machine") -> None:
    """Print the ratios with their targets, and for what these hold."""
    rows = [
        (
            ratio.name,
            ratio.kind,
            f"{'at most ' if ratio.bound else ''}{ratio.value:.3g}",
            "-" if ratio.target is None else f"{ratio.target:g}",
            "reported" if ratio.target is None else "yes" if ratio.met else "NO",
        )
        for ratio in ratios
    ]
    if rows:
        _print(f"Targets (they hold for {hold_for})", ("ratio", "kind", "value", "target", "met"), rows)


def print_sizes(sizes: Sequence[str], seconds: dict[str, Sequence[float | None]]) -> None:
    """Print the seconds of each contender at each size."""
    rows = [(name, *(_seconds(value) for value in values)) for name, values in seconds.items()]
    _print("Seconds by size", ("contender", *sizes), rows)


def _note(outcome: Outcome, limit_s: float) -> str:
    ended = (outcome.failure or f"did not end in {limit_s:g} s") if outcome.seconds is None else ""
    floor = "copies only" if outcome.floor else ""
    chosen = " ".join(f"{name.removeprefix('spark.sql.')}={value}" for name, value in outcome.options.items())
    return ", ".join(filter(None, (ended, floor, chosen)))


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _print(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name, justify="right" if name in ("median s", "peak GB", "value", "target") else "left")
    for row in rows:
        table.add_row(*row)
    OUT.print(table)
