"""`matinee publications`: the ledger of what was prepared, published, abandoned and withdrawn."""

from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import OUT, emit, emit_one, output_option
from matinee.cli.run import row as verdict_row
from matinee.ledger.account import account, gone_days, judged, pin_facts, records_of
from matinee.ledger.ledger import history
from matinee.ledger.model import Buckets, InputPin, Publication
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def publications() -> None:
    """Publications: one audited change each."""


@publications.command(name="list")
@click.argument("dataset", required=False)
@click.option("--day", type=DAY, help="Only this event day.")
@output_option
def list_(dataset: str | None, day: date | None, output: str) -> None:
    """Show the publications of DATASET, or of all datasets, by day; for dropped days also by which `keep`, and when.

    \b
    Example:
      matinee publications list core.plays --day 2026-03-01
    """
    lake = Lake.open(load_settings())
    contracts = (
        [lake.registry.get(dataset)]
        if dataset
        else [contract for contract in lake.registry.all() if contract.transform]
    )
    rows: list[dict[str, object]] = []
    for contract in contracts:
        known = history(lake, contract.dataset)
        told = [record for record in known.all() if day in (None, record.day)]
        gone = gone_days(contract, known, [record.day for record in told])
        rows += [_row(record) | gone[record.day] for record in told]
    emit(rows, output, empty="No publications yet.")
    if dataset is None:
        lake.registry.require_all("Not everything is shown")


@publications.command()
@click.argument("publication_id")
@output_option
def show(publication_id: str, output: str) -> None:
    """Show what PUBLICATION_ID read, its verdicts and its state.

    \b
    Example:
      matinee publications show core_plays_20260301_1
    """
    lake = Lake.open(load_settings())
    records = records_of(lake, publication_id)
    run, facts = records[0].run, account(lake, records)
    if output == "json":
        emit_one(facts, output)
        return
    plain = {name: value for name, value in facts.items() if name not in {"days", "inputs", "verdicts"}}
    emit_one(plain | {"buckets": _words(run.buckets), "changed": _words(records[0].changed)}, output)
    by_day: dict[str, dict[str, object]] = facts["days"]  # type: ignore[assignment]
    emit([{"day": day, **day_facts} for day, day_facts in by_day.items()], output, title="Days")
    emit([pin_facts(lake, pin) | {"days": _pinned(pin)} for pin in run.pins], output, title="Inputs")
    for verdicts, days in judged(records):
        emit([verdict_row(verdict) for verdict in verdicts], output, title=f"Verdicts of {', '.join(days)}")
        for verdict in verdicts:
            for sample in verdict.sample:
                OUT.print(f"  {verdict.audit}: {sample}")


def _row(record: Publication) -> dict[str, object]:
    return {
        "dataset": record.run.dataset,
        "day": record.day,
        "publication": record.publication_id,
        "state": record.state.value,
        "generation": record.generation,
        "rows": record.rows.out,
        "duplicates": record.rows.duplicate,
        "recorded": record.recorded_ts,
        "reason": record.reason,
    }


def _pinned(pin: InputPin) -> str:
    """Return the days of an input, each with its generation; of a landed input, with its highest landing number."""
    return ", ".join(f"{day} ({number})" for day, number in sorted(pin.days.items()))


def _words(buckets: Buckets) -> str:
    return "all" if buckets is None else ", ".join(map(str, buckets)) or "none"
