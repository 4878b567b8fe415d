"""`matinee backfill`: plan a restatement, then have Airflow run it."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial

import click

from matinee.backfill.plan import PlannedDag, Restatement, restatement
from matinee.cli.options import DAY
from matinee.cli.output import emit, output_option
from matinee.errors import AuditFailedError, TransientError
from matinee.retries import wait_until
from matinee.settings import load_settings
from matinee.table.catalog import Lake


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
    from matinee.backfill.plan import plan_backfill

    emit([vars(dag) for dag in plan_backfill(load_settings(), dataset, first, last)], output, title=reason)


@backfill.command()
@click.argument("dataset")
@click.option("--from", "first", type=DAY, required=True)
@click.option("--to", "last", type=DAY, required=True)
@click.option("--reason", required=True, help="Why; it is in the conf of every run.")
@click.option(
    "--max-active-runs",
    default=100,
    show_default=True,
    type=click.IntRange(1),
    help="Runs at the same time; a run that waits for its inputs counts, what Spark does is limited by its pool.",
)
@click.option("--timeout", default=360, show_default=True, type=click.IntRange(1), help="Minutes to wait for each DAG.")
@output_option
def apply(dataset: str, first: date, last: date, reason: str, max_active_runs: int, timeout: int, output: str) -> None:
    """Run the planned backfills with `airflow backfill create`, one DAG after the other, oldest key first.

    The next DAG starts when the one before it has published every key, so that it reads the new rows. If
    this command is interrupted, Airflow goes on with the running backfill and no further backfill starts; another call
    starts over.

    \b
    Example:
      matinee backfill apply core.plays --from 2026-03-01 --to 2026-03-07 --reason "player 7.1"
    """
    from matinee.backfill.plan import newest_publications, plan_backfill
    from matinee.stack.backfills import backfill_environment, create_backfill
    from matinee.table.registers import stamp

    settings = load_settings()
    environment = backfill_environment(settings)
    lake = Lake.open(settings)
    rows = []
    for dag in plan_backfill(settings, dataset, first, last):
        before, since = newest_publications(lake, dag), stamp()
        create_backfill(environment, dag.dag_id, first, last, max_active_runs, reason)
        _follow(lake, dag, before, since, timeout * 60, output)
        rows.append({"dag": dag.dag_id, "from": first, "to": last, "state": "published"})
    emit(rows, output)


def _follow(
    lake: Lake,
    dag: PlannedDag,
    before: Mapping[tuple[str, date], str | None],
    since: datetime,
    seconds: float,
    output: str,
) -> None:
    """Wait until a backfill has published every key; print its progress on stderr, for people.

    Raises:
        AuditFailedError: a run of the backfill was abandoned, because a blocking audit failed.
        TransientError: the backfill has not ended in time.
    """

    def tell(state: Restatement) -> None:
        if output != "json":
            click.echo(f"{dag.dag_id}: {state.done} of {state.days} published", err=True)

    look = partial(restatement, lake, dag, before, since)
    state = wait_until(look, seconds, 2, lambda state: state.ended or state.failed, tell)
    if state.failed and not state.ended:
        raise AuditFailedError(
            f"The backfill of {dag.dag_id} was stopped by an audit: {'; '.join(state.failed)}.",
            next_step="`matinee publications show ID` has samples; nothing downstream was started.",
        )
    if not state.ended:
        raise TransientError(
            f"{dag.dag_id} has published {state.done} of {state.days} after {seconds / 60:.0f} minutes.",
            next_step="Look at its runs in Airflow (is it paused?), then call this again.",
        )
