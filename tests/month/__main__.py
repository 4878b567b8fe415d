"""`python -m tests.month`: run the month, print the table, save it with a plot."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from matinee.cli.output import emit
from tests.bench.plots import plot_panels
from tests.month.board import Score
from tests.month.policies import run_month
from tests.month.world import DAYS


@click.command(epilog="Example: python -m tests.month --seed 11 --output json")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Another month for another number.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=".bench",
    show_default=True,
    help="Folder of month.json and month.png.",
)
def main(seed: int, output: str, folder: Path) -> None:
    """Compare ways to meet late data over a simulated month."""
    scores = run_month(seed)
    document = {"seed": seed, "days": DAYS, "policies": {name: asdict(score) for name, score in scores.items()}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "month.json").write_text(json.dumps(document, indent=2))
    plot_panels(folder / "month.png", f"A month of late data, seed {seed}", _panels(scores))
    if output == "json":
        click.echo(json.dumps(document))
    else:
        emit([_row(name, score) for name, score in scores.items()], output, title=f"{DAYS} days, seed {seed}")


def _row(name: str, score: Score) -> dict[str, object]:
    """Return a line of the table; counts as text, a person reads them."""
    return {
        "policy": name,
        "heals": score.heals,
        "wasted": score.wasted,
        "waits": score.waits,
        "calls: right": score.right_calls,
        "false": score.false_calls,
        "cells": f"{score.cells:,}",
        "M rows": f"{score.rows / 1e6:,.0f}",
        "hours wrong": f"{score.wrong_hours:,.0f}",
        "M row-hours missing": f"{score.missing_row_hours / 1e6:.2f}",
        "hours to publish": f"{score.hours_to_publish:.1f}",
        "loss found after h": "never" if score.loss_found_hours is None else f"{score.loss_found_hours:.1f}",
    }


def _panels(scores: dict[str, Score]) -> dict[str, dict[str, float]]:
    measures: dict[str, Callable[[Score], float]] = {
        "false calls for a person": lambda score: score.false_calls,
        "heals that changed no row": lambda score: score.wasted,
        "million rows derived again": lambda score: score.rows / 1e6,
        "million row-hours missing": lambda score: score.missing_row_hours / 1e6,
        "hours to publish, median": lambda score: score.hours_to_publish,
    }
    return {title: {name: of(score) for name, score in scores.items()} for title, of in measures.items()}


if __name__ == "__main__":
    main()
