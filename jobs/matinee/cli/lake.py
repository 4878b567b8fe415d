"""`matinee lake`: what holds of the lake as a whole."""

from datetime import UTC, date, datetime

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit_one, output_option
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def lake() -> None:
    """The lake as a whole."""


@lake.command()
@click.argument("first_day", metavar="DAY", type=DAY)
@output_option
def begin(first_day: date, output: str) -> None:
    """Let the lake begin with DAY, to load history: days before its first day count as empty and valid.

    VTTS falls back to DAY: from there on each day is open until its events are landed and it is closed. A later day is
    taken only where nothing before it was published.

    \b
    Example:
      matinee lake begin 2026-01-01
    """
    from matinee.landing.declarations import begin as begin_with

    before = begin_with(Lake.open(load_settings()), first_day, datetime.now(UTC))
    note = "it began there already" if before == first_day else "days without a publication are open from there on"
    emit_one({"first_day": first_day, "before": before, "note": note}, output)
