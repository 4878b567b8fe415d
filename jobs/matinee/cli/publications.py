"""`matinee publications`: the ledger of what was prepared, published, abandoned and withdrawn."""

from collections.abc import Iterable
from datetime import date

import click

from matinee.cli.options import DAY
from matinee.cli.output import OUT, emit, emit_one, output_option
from matinee.cli.run import row as verdict_row
from matinee.contracts.model import Contract
from matinee.errors import UsageError
from matinee.ledger.dropping import Dropped, drops
from matinee.ledger.ledger import History, history
from matinee.ledger.model import Buckets, InputPin, Publication
from matinee.report import Verdict
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
        gone = _gone(contract, known, [record.day for record in told])
        rows += [_row(record) | gone[record.day] for record in told]
    emit(rows, output, empty="No publications yet.")


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
    records = next(
        (
            matches
            for contract in lake.registry.all()
            if contract.transform and (matches := history(lake, contract.dataset).find(publication_id))
        ),
        (),
    )
    if not records:
        raise UsageError(
            f"There is no publication {publication_id}.", next_step="`matinee publications list` names them."
        )
    records = tuple(sorted(records, key=lambda record: record.day))
    run, facts = records[0].run, _facts(lake, records)
    if output == "json":
        emit_one(facts, output)
        return
    plain = {name: value for name, value in facts.items() if name not in {"days", "inputs", "verdicts"}}
    emit_one(plain | {"buckets": _words(run.buckets), "changed": _words(records[0].changed)}, output)
    by_day: dict[str, dict[str, object]] = facts["days"]  # type: ignore[assignment]
    emit([{"day": day, **day_facts} for day, day_facts in by_day.items()], output, title="Days")
    emit([_pin(lake, pin) | {"days": _pinned(pin)} for pin in run.pins], output, title="Inputs")
    for verdicts, days in _judged(records):
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


def _gone(contract: Contract, known: History, days: Iterable[date]) -> dict[date, dict[str, object]]:
    commits = list(drops(known.table)) if known.table and known.begin else []
    return {day: _dropped(contract, day, known.begin, commits) for day in days}


def _dropped(contract: Contract, day: date, begin: date | None, commits: list[Dropped]) -> dict[str, object]:
    """Return by which `keep` a day was dropped, and when; None where the commit of the drop has expired."""
    if begin is None or day >= begin:
        return {"dropped": None, "dropped_at": None}
    keeps = f"keeps {contract.keep.days} days: " if contract.keep else ""
    at = next((commit.at for commit in commits if commit.has(day)), None)
    return {"dropped": f"{keeps}days before {begin} were dropped", "dropped_at": at}


def _facts(lake: Lake, records: tuple[Publication, ...]) -> dict[str, object]:
    first = records[0]
    run = first.run
    known = history(lake, run.dataset)
    gone = _gone(lake.registry.get(run.dataset), known, [record.day for record in records])
    return {
        "publication": first.publication_id,
        "dataset": run.dataset,
        "key": run.key,
        "days": {day: day_facts | gone[date.fromisoformat(day)] for day, day_facts in _days(records).items()},
        "inputs": [_pin(lake, pin) for pin in run.pins],
        "as_of": run.as_of,
        "base": run.base_snapshot_id,
        "audited_snapshot": first.audited_snapshot_id,
        "main_before": _main_before(lake, first),
        "main_after": first.head_snapshot_id,
        "replayed": first.replayed,
        "buckets": run.buckets,
        "changed": first.changed,
        "contract_version": run.contract_version,
        "code_version": run.code_version,
        "verdicts": [
            {**verdict.model_dump(mode="json"), "days": days}
            for verdicts, days in _judged(records)
            for verdict in verdicts
        ],
    }


def _days(records: tuple[Publication, ...]) -> dict[str, dict[str, object]]:
    return {
        str(record.day): {
            "state": record.state.value,
            "generation": record.generation,
            "rows_in": record.rows.read,
            "rows": record.rows.out,
            "duplicates": record.rows.duplicate,
            "reason": record.reason,
            "failed": [verdict.audit for verdict in record.verdicts if verdict.blocks],
        }
        for record in records
    }


def _main_before(lake: Lake, published: Publication) -> int | str | None:
    """Return main's head just before the publication; after a replay that is not the base of the run."""
    if published.head_snapshot_id is None:
        return None
    head = lake.table(published.run.dataset).metadata.snapshot_by_id(published.head_snapshot_id)
    return head.parent_snapshot_id if head else "expired"


def _pin(lake: Lake, pin: InputPin) -> dict[str, object]:
    return {
        "dataset": pin.dataset,
        "snapshot": pin.snapshot_id,
        "inputs_expired": lake.table(pin.dataset).metadata.snapshot_by_id(pin.snapshot_id) is None,
        "landing_seq": pin.landing_seq,
        "days": {str(day): number for day, number in sorted(pin.days.items())},
    }


def _pinned(pin: InputPin) -> str:
    """Return the days of an input, each with its generation; of a landed input, with its highest landing number."""
    return ", ".join(f"{day} ({number})" for day, number in sorted(pin.days.items()))


def _words(buckets: Buckets) -> str:
    return "all" if buckets is None else ", ".join(map(str, buckets)) or "none"


def _judged(records: tuple[Publication, ...]) -> list[tuple[tuple[Verdict, ...], list[str]]]:
    """Return the verdicts with the days that share them: a day that its audits withdrew has verdicts of its own."""
    groups: list[tuple[tuple[Verdict, ...], list[str]]] = []
    for record in records:
        days = next((days for verdicts, days in groups if verdicts == record.verdicts), None)
        if days is None:
            groups.append((record.verdicts, [str(record.day)]))
        else:
            days.append(str(record.day))
    return groups
