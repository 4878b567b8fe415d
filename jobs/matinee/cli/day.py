"""`matinee day`: list days that are not simply valid, withdraw single published days."""

from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit, emit_one, output_option
from matinee.errors import UsageError
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.ledger.withdrawal import withdraw as withdraw_publication
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def day() -> None:
    """Single days of a dataset."""


@day.command(name="list")
@click.argument("dataset", required=False)
@click.option("--from", "first", type=DAY, help="First day; default: 90 days before the last day of the lake.")
@click.option("--to", "last", type=DAY, help="Last day, included; default: the last day of the lake.")
@output_option
def list_(dataset: str | None, first: date | None, last: date | None, output: str) -> None:
    """Show the days of DATASET, or of all datasets, that are not simply valid: their state, why, and what moves it.

    A day is `open` where rows or a publication are still to come, `failed` where it must not be read, `outdated` where
    it is valid but an input has changed since, `withdrawn`, or `dropped`.

    \b
    Example:
      matinee day list core.plays --from 2026-03-01 --output json
    """
    from matinee.healing.day_states import states_of
    from matinee.validity.validity import Validity

    lake = Lake.open(load_settings())
    datasets = None if dataset is None else (lake.registry.get(dataset).dataset,)
    rows = [
        {
            "dataset": shown.dataset,
            "day": other.day,
            "state": other.state,
            "reason": other.reason,
            "next_step": other.next_step,
        }
        for shown in states_of(Validity(lake), first, last, datasets)
        for other in sorted(shown.others.values(), key=lambda other: other.day)
    ]
    emit(rows, output, empty="Every day is valid, and has read all that its inputs hold.")
    if dataset is None:
        lake.registry.require_all("Not everything is shown")


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
            **_marked(lake, dataset),
        },
        output,
    )


def _marked(lake: Lake, dataset: str) -> dict[str, object]:
    """Mark the served versions that have rows of withdrawn days; return the active version of each such dataset."""
    from matinee.serving.declaration import served

    made = {dataset, *lake.registry.downstream(dataset)}
    names = [contract.dataset for contract in served(lake.registry) if contract.dataset in made]
    if not names:
        return {}
    from matinee.serving.withdrawal import follow_withdrawals  # Needs the extra `serving`.

    return {"served": {name: follow_withdrawals(lake, name).active for name in names}}
