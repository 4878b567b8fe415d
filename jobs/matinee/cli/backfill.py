"""`matinee backfill`: plan a restatement, then have Airflow run it."""

import os
from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit, output_option
from matinee.settings import load_settings


@click.group()
def backfill() -> None:
    """Backfills of a dataset and of everything built on it."""


@backfill.command()
@click.argument("dataset")
@click.option("--from", "first", type=DAY, required=True)
@click.option("--to", "last", type=DAY, required=True)
@click.option("--reason", default="", help="Why; apply asks for it.")
@output_option
def plan(dataset: str, first: date, last: date, reason: str, output: str) -> None:
    """Show days, rows, bytes, expected minutes and conflicts; nothing is started.

    \b
    Example:
      matinee backfill plan core.plays --from 2026-03-01 --to 2026-03-07 --reason "player 7.1"
    """
    from matinee.cycle.backfill import plan_backfill

    emit([vars(dag) for dag in plan_backfill(load_settings(), dataset, first, last)], output, title=reason)


@backfill.command()
@click.argument("dataset")
@click.option("--from", "first", type=DAY, required=True)
@click.option("--to", "last", type=DAY, required=True)
@click.option("--reason", required=True, help="Why; it is in the conf of every run.")
@click.option("--max-active-runs", default=3, show_default=True, type=click.IntRange(1, 16))
@output_option
def apply(dataset: str, first: date, last: date, reason: str, max_active_runs: int, output: str) -> None:
    """Start the planned backfills with `airflow backfill create`, in dependency order, oldest key first.

    \b
    Example:
      matinee backfill apply core.plays --from 2026-03-01 --to 2026-03-07 --reason "player 7.1"
    """
    from matinee.cycle.backfill import apply_backfill, plan_backfill
    from matinee.stack.environment import airflow_environment

    settings = load_settings()
    os.environ.update(airflow_environment(settings))
    planned = plan_backfill(settings, dataset, first, last)
    started = list(apply_backfill(planned, reason, max_active_runs))
    emit([{"dag": dag, "from": first, "to": last, "state": "started"} for dag in started], output)
