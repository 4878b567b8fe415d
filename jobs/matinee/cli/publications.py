"""`matinee publications`: the ledger of what was prepared, published, abandoned and withdrawn."""

from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import OUT, emit, emit_one, output_option
from matinee.cli.run import row as verdict_row
from matinee.errors import UsageError
from matinee.lake.catalog import Lake
from matinee.lake.ledger import history
from matinee.lake.publication import InputPin, Publication
from matinee.settings import load_settings


@click.group()
def publications() -> None:
    """Publications: one audited change each."""


@publications.command(name="list")
@click.argument("dataset", required=False)
@click.option("--day", type=DAY, help="Only this event day.")
@output_option
def list_(dataset: str | None, day: date | None, output: str) -> None:
    """Show the publications of DATASET, or of all datasets, by day.

    \b
    Example:
      matinee publications list core.plays --day 2026-03-01
    """
    lake = Lake.open(load_settings())
    names = [dataset] if dataset else [c.dataset for c in lake.registry.all() if c.transform]
    found = (record for name in names for record in history(lake, lake.registry.get(name).dataset).all())
    emit([_row(record) for record in found if day in (None, record.day)], output, empty="No publications yet.")


@publications.command()
@click.argument("publication_id")
@output_option
def show(publication_id: str, output: str) -> None:
    """Show what PUBLICATION_ID read, how it was judged and where it stands.

    \b
    Example:
      matinee publications show core_plays_20260301_1
    """
    lake = Lake.open(load_settings())
    records = next(
        (
            found
            for contract in lake.registry.all()
            if contract.transform and (found := history(lake, contract.dataset).find(publication_id))
        ),
        (),
    )
    if not records:
        raise UsageError(
            f"There is no publication {publication_id}.", next_step="`matinee publications list` names them."
        )
    facts = _facts(lake, records)
    emit_one(facts, output)
    if output == "table":
        emit([verdict_row(verdict) for verdict in records[0].verdicts], output, title="Verdicts")
        for verdict in records[0].verdicts:
            for sample in verdict.sample:
                OUT.print(f"  {verdict.audit}: {sample}", markup=False)


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


def _facts(lake: Lake, records: tuple[Publication, ...]) -> dict[str, object]:
    first = records[0]
    run = first.run
    return {
        "publication": first.publication_id,
        "dataset": run.dataset,
        "key": run.key,
        "days": {str(r.day): {"state": r.state.value, "generation": r.generation, "rows": r.rows.out} for r in records},
        "inputs": [_pin(lake, pin) for pin in run.pins],
        "as_of": run.as_of,
        "main_before": run.base_snapshot_id,
        "audited_snapshot": first.audited_snapshot_id,
        "main_after": first.head_snapshot_id,
        "replayed": first.replayed,
        "contract_version": run.contract_version,
        "code_version": run.code_version,
        "reason": first.reason,
        "verdicts": first.verdicts,
    }


def _pin(lake: Lake, pin: InputPin) -> dict[str, object]:
    expired = lake.table(pin.dataset).metadata.snapshot_by_id(pin.snapshot_id) is None
    state = {"inputs_expired": True} if expired else {}
    return {
        "dataset": pin.dataset,
        "snapshot": pin.snapshot_id,
        "landing_seq": pin.landing_seq,
        "days": [str(day) for day in sorted(pin.days)],
        **state,
    }
