"""`matinee heal`: the repair of published days that their inputs have left behind, cell by cell."""

from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import ERR, emit, output_option, working
from matinee.errors import HumanNeededError
from matinee.healing.register import Decision, decisions
from matinee.settings import load_settings
from matinee.table.catalog import Lake

_first = click.option("--from", "first", type=DAY, help="First day of the landed events.")
_last = click.option("--to", "last", type=DAY, help="Last day of the landed events, included.")


@click.group()
def heal() -> None:
    """Heals: late rows repair the cells that they change, and no other."""


@heal.command()
@_first
@_last
@output_option
def plan(first: date | None, last: date | None, output: str) -> None:
    """Show the cells that a heal would derive anew, and their rows; nothing is changed.

    `cells` are profile buckets; none named: the whole day. What is built on a healed day is healed only where the day's
    rows come out otherwise, so `apply` may do less; of days that read other datasets than the four `core` ones, only
    those are shown that are stale already.

    \b
    Example:
      matinee heal plan --from 2026-03-01 --to 2026-03-07
    """
    from matinee.healing.forecast import forecast

    settings = load_settings()
    with working("Looking at what has landed …", output):
        rows = [vars(one) for one in forecast(Lake.open(settings), first, last)]
    emit(rows, output, empty="Every published day has read all that its inputs hold.")


@heal.command()
@_first
@_last
@output_option
def apply(first: date | None, last: date | None, output: str) -> None:
    """Derive the cells anew that late rows change, in dependency order; each day is a publication of its own.

    A second call goes on where the first one stopped. What lands meanwhile is left to the next call.

    \b
    Example:
      matinee heal apply --from 2026-03-01 --to 2026-03-07
    """
    from matinee.healing.healer import apply as heal_days

    made: list[Decision] = []

    def tell(one: Decision) -> None:
        made.append(one)
        ERR.print(f"{one.dataset} {one.day}: {one.decision}, {one.reason} ({one.cause})", markup=False)

    try:
        heal_days(load_settings(), first, last, tell)
    except HumanNeededError:
        emit([_row(one) for one in made], output)
        raise
    emit([_row(one) for one in made], output, empty="Every published day has read all that its inputs hold.")


@heal.command(name="list")
@click.option("--day", type=DAY, help="Only this event day.")
@output_option
def list_(day: date | None, output: str) -> None:
    """Show what was decided about late and missing rows, and why.

    \b
    Example:
      matinee heal list --day 2026-03-01 --output json
    """
    found = (one for one in decisions(Lake.open(load_settings())) if day in (None, one.day))
    emit([_row(one) for one in found], output, empty="Nothing was healed, and nothing had to be.")


def _row(one: Decision) -> dict[str, object]:
    return {
        "recorded": one.recorded_ts,
        "dataset": one.dataset,
        "day": one.day,
        "decision": one.decision,
        "cause": one.cause,
        "reason": one.reason,
        "cells": one.cells,
        "changed": one.cells_changed,
        "rows_before": one.rows_before,
        "rows_after": one.rows_after,
        "publication": one.publication_id,
    }
