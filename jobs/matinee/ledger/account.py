"""An account of a publication: what it read and wrote, how it was judged, and whether its rows are still there."""

from collections.abc import Iterable
from datetime import date

from matinee.contracts.model import Contract
from matinee.errors import UsageError
from matinee.ledger.dropping import Dropped, drops
from matinee.ledger.ledger import History, history
from matinee.ledger.model import InputPin, Publication
from matinee.report import Verdict
from matinee.table.catalog import Lake


def records_of(lake: Lake, publication_id: str) -> tuple[Publication, ...]:
    """Return the records of a publication, a day each, by day.

    Raises:
        UsageError: there is no such publication.
        ContractError: only a dataset whose contract cannot be used has publications of such a name.
    """
    # The identity begins with the dataset's name: no other history is read.
    named = [name for name in lake.registry.names if publication_id.startswith(f"{name.replace('.', '_')}_")]
    for name in sorted(named, key=lambda name: (name in lake.registry.left_out, name)):
        if lake.registry.get(name).transform:
            records = history(lake, name).find(publication_id)
            if records:
                return tuple(sorted(records, key=lambda record: record.day))
    raise UsageError(f"There is no publication {publication_id}.", next_step="`matinee publications list` names them.")


def gone_days(contract: Contract, known: History, days: Iterable[date]) -> dict[date, dict[str, object]]:
    """Return by which `keep` each day was dropped, and when; None and None for days that are there."""
    commits = list(drops(known.table)) if known.table and known.begin else []
    return {day: _dropped(contract, day, known.begin, commits) for day in days}


def _dropped(contract: Contract, day: date, begin: date | None, commits: list[Dropped]) -> dict[str, object]:
    """Return by which `keep` a day was dropped, and when; None where the commit of the drop has expired."""
    if begin is None or day >= begin:
        return {"dropped": None, "dropped_at": None}
    keeps = f"keeps {contract.keep.days} days: " if contract.keep else ""
    at = next((commit.at for commit in commits if commit.has(day)), None)
    return {"dropped": f"{keeps}days before {begin} were dropped", "dropped_at": at}


def account(lake: Lake, records: tuple[Publication, ...]) -> dict[str, object]:
    """Return all that the ledger and the tables say of a publication, by `records_of`."""
    first = records[0]
    run = first.run
    known = history(lake, run.dataset)
    gone = gone_days(lake.registry.get(run.dataset), known, [record.day for record in records])
    return {
        "publication": first.publication_id,
        "dataset": run.dataset,
        "key": run.key,
        "days": {day: day_facts | gone[date.fromisoformat(day)] for day, day_facts in _days(records).items()},
        "inputs": [pin_facts(lake, pin) for pin in run.pins],
        "previous": run.previous and {**vars(run.previous), "way": run.way, "why": run.why},
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
            for verdicts, days in judged(records)
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


def pin_facts(lake: Lake, pin: InputPin) -> dict[str, object]:
    """Return how an input was read, and whether that snapshot can still be read."""
    return {
        "dataset": pin.dataset,
        "snapshot": pin.snapshot_id,
        "inputs_expired": lake.table(pin.dataset).metadata.snapshot_by_id(pin.snapshot_id) is None,
        "landing_seq": pin.landing_seq,
        "days": {str(day): number for day, number in sorted(pin.days.items())},
    }


def judged(records: tuple[Publication, ...]) -> list[tuple[tuple[Verdict, ...], list[str]]]:
    """Return the verdicts with the days that share them: a day that its audits withdrew has verdicts of its own."""
    groups: list[tuple[tuple[Verdict, ...], list[str]]] = []
    for record in records:
        days = next((days for verdicts, days in groups if verdicts == record.verdicts), None)
        if days is None:
            groups.append((record.verdicts, [str(record.day)]))
        else:
            days.append(str(record.day))
    return groups
