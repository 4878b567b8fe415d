"""`matinee late`: rows that landed after the publications that should have read them."""

from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit, output_option, working
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def late() -> None:
    """Late data: the published days whose inputs have changed since."""


@late.command()
@click.option("--from", "first", type=DAY, help="First day of the landed events.")
@click.option("--to", "last", type=DAY, help="Last day of the landed events, included.")
@click.option("--cells", is_flag=True, help="Map late rows to the cells that they change; this reads the late rows.")
@output_option
def scan(first: date | None, last: date | None, cells: bool, output: str) -> None:
    """Show the published days whose inputs have changed since; nothing is changed, and without --cells no row is read.

    With --cells each line is a day of one of the four core datasets, with the profile buckets that late rows reach: the
    cells that `heal apply` would derive again.

    \b
    Example:
      matinee late scan --from 2026-03-01 --cells
    """
    from matinee.healing.forecast import forecast
    from matinee.healing.late import stale_days

    lake = Lake.open(load_settings())
    with working("Looking at what has landed …", output):
        stale = forecast(lake, first, last) if cells else stale_days(lake, first, last)
        rows = [vars(day) for day in stale]
    emit(rows, output, empty="Every published day has read all that its inputs hold.")
    lake.registry.require_all("Not everything is shown")
