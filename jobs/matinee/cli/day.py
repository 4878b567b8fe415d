"""`matinee day`: withdraw single published days."""

from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit_one, output_option
from matinee.errors import UsageError
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.ledger.withdrawal import withdraw as withdraw_publication
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def day() -> None:
    """Single days of a dataset."""


@day.command()
@click.argument("dataset")
@click.argument("key", metavar="DAY", type=DAY)
@click.option("--reason", required=True, help="Why; it stands in the ledger and in `vtts explain`.")
@output_option
def withdraw(dataset: str, key: date, reason: str, output: str) -> None:
    """Declare that a published DAY of DATASET, and everything built on the day, must not be trusted.

    The rows stay; VTTS falls back until the day is published again.

    \b
    Example:
      matinee day withdraw core.plays 2026-03-02 --reason "player 7.1 logged every start twice"
    """
    lake = Lake.open(load_settings())
    newest = history(lake, lake.registry.get(dataset).dataset).newest(key)
    if newest is None:
        raise UsageError(
            f"{dataset} {key} is not published.",
            next_step=f"`matinee publications list {dataset}` shows what is.",
        )
    if newest.state is State.WITHDRAWN:
        raise UsageError(
            f"{dataset} {key} is withdrawn already: {newest.reason}.",
            next_step=f"`matinee run {dataset} --key {key}` publishes it again.",
        )
    withdrawn = withdraw_publication(lake, newest, reason)
    emit_one(
        {
            "dataset": dataset,
            "day": key,
            "publication": withdrawn.publication_id,
            "state": withdrawn.state.value,
            "generation": withdrawn.generation,
            "reason": reason,
        },
        output,
    )
