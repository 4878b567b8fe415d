"""`matinee heal`: repair published days whose inputs have changed since, cell by cell."""

from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import ERR, emit, output_option, working
from matinee.contracts.registry import Registry
from matinee.errors import HumanNeededError
from matinee.healing.register import Decision, decisions
from matinee.settings import load_settings
from matinee.table.catalog import Lake

_first = click.option("--from", "first", type=DAY, help="First day of the landed events.")
_last = click.option("--to", "last", type=DAY, help="Last day of the landed events, included.")


@click.group()
def heal() -> None:
    """Heals: derive the cells that late rows change, and no other cells."""


@heal.command()
@_first
@_last
@output_option
def plan(first: date | None, last: date | None, output: str) -> None:
    """Show the cells that a heal would derive again, and their rows; nothing is changed.

    `cells` are profile buckets; if none is named, the heal derives the whole day. Days built on a healed day are healed
    only where its rows have changed, so `apply` may do less. Days that read other datasets than the four `core` ones
    are shown only if they are stale already.

    \b
    Example:
      matinee heal plan --from 2026-03-01 --to 2026-03-07
    """
    from matinee.healing.forecast import forecast

    settings = load_settings()
    with working("Looking at what has landed …", output):
        lake = Lake.open(settings)
        rows = [vars(day) for day in forecast(lake, first, last)]
    emit(rows, output, empty="Every published day has read all that its inputs hold.")
    lake.registry.require_all("Not everything is shown")


@heal.command()
@_first
@_last
@output_option
def apply(first: date | None, last: date | None, output: str) -> None:
    """Derive again the cells that late rows change, in dependency order; each day is a publication of its own.

    A second call goes on where the first call stopped. Rows that land meanwhile are left to the next call.

    \b
    Example:
      matinee heal apply --from 2026-03-01 --to 2026-03-07
    """
    from matinee.healing.healer import apply as heal_days
    from matinee.lineage.emission import send_events
    from matinee.report import Report

    made: list[Decision] = []

    def tell(decision: Decision) -> None:
        made.append(decision)
        if output != "json":
            why = f"{decision.decision}, {decision.reason} ({decision.cause})"
            ERR.print(f"{decision.dataset} {decision.day}: {why}")

    settings = load_settings()
    try:
        heal_days(settings, first, last, tell)
    except HumanNeededError:
        emit([_row(decision) for decision in made], output)
        raise
    finally:
        heal_ids = dict.fromkeys(decision.heal_id for decision in made)
        send_events(settings, *(Report(step="heal", dataset="", details={"heal_id": name}) for name in heal_ids))
    emit([_row(decision) for decision in made], output, empty="Every published day has read all that its inputs hold.")
    Registry.load(settings.sql_dir).require_all("Not everything is healed")


@heal.command(name="list")
@click.option("--day", type=DAY, help="Only this event day.")
@output_option
def list_(day: date | None, output: str) -> None:
    """Show what was decided about late and missing rows, and why.

    \b
    Example:
      matinee heal list --day 2026-03-01 --output json
    """
    shown = (decision for decision in decisions(Lake.open(load_settings())) if day in (None, decision.day))
    emit([_row(decision) for decision in shown], output, empty="Nothing was healed, and nothing had to be.")


def _row(decision: Decision) -> dict[str, object]:
    return {
        "recorded": decision.recorded_ts,
        "dataset": decision.dataset,
        "day": decision.day,
        "decision": decision.decision,
        "cause": decision.cause,
        "reason": decision.reason,
        "cells": decision.cells,
        "changed": decision.cells_changed,
        "rows_before": decision.rows_before,
        "rows_after": decision.rows_after,
        "publication": decision.publication_id,
    }
