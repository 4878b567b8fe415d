"""`matinee late`: what landed after the publications that should have had it."""

from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit, output_option
from matinee.lake.catalog import Lake
from matinee.settings import load_settings


@click.group()
def late() -> None:
    """Late data: the published days that it left behind."""


@late.command()
@click.option("--from", "first", type=DAY, help="First day of the landed events.")
@click.option("--to", "last", type=DAY, help="Last day of the landed events, included.")
@output_option
def scan(first: date | None, last: date | None, output: str) -> None:
    """Show the published days whose inputs have gone on since; no row is read and nothing is changed.

    \b
    Example:
      matinee late scan --from 2026-03-01
    """
    from matinee.cycle.late import stale_days

    found = stale_days(Lake.open(load_settings()), first, last)
    emit([vars(day) for day in found], output, empty="Every published day has read all that its inputs hold.")
