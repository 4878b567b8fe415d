"""The published rows that a version is built from: which days, at which snapshot; all of them are valid."""

from datetime import date, timedelta

from matinee.contracts.model import Contract
from matinee.days import day_range
from matinee.errors import InputsNotValidError, UsageError
from matinee.serving.declaration import Declaration
from matinee.serving.model import ServedDay, Source
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.validity.validity import Validity


def source_of(lake: Lake, declaration: Declaration, key: date | None = None) -> Source:
    """Return what a version of a dataset is built from, as the lake is now.

    Args:
        lake: the lake.
        declaration: what is served of the dataset.
        key: the newest day of the version; default: the newest day that is valid.

    Raises:
        UsageError: the dataset has no valid day.
        InputsNotValidError: one of the days is not valid.
        MissingTableError: the dataset has no table.
    """
    look = Validity(lake)
    dataset = declaration.dataset
    table = look.lake.table(dataset)  # Before the ledger: what is published meanwhile is not at this snapshot.
    contract = lake.registry.get(dataset)
    newest = key or _newest_valid(look, contract)
    days = _days(look, contract, newest, declaration.last_days)
    notes = look.history(dataset).newest_notes
    snapshot_id = refs.head(table)
    sizes = day_sizes(table, contract.day_column or "", snapshot_id=snapshot_id, first=days[0], last=newest)
    return Source(
        dataset=dataset,
        key=newest,
        first=days[0],
        snapshot_id=snapshot_id,
        rows=sum(size.rows for size in sizes.values()),
        days={
            day: ServedDay(notes[day].publication_id, notes[day].generation, notes[day].stamp)
            for day in days
            if day in notes
        },
        vtts=look.vtts(dataset).vtts,
        contract_version=contract.version,
    )


def _newest_valid(look: Validity, contract: Contract) -> date:
    days = sorted(look.history(contract.dataset).newest_notes, reverse=True)
    newest = next((day for day in days if look.status(contract.dataset, day).valid), None)
    if newest is None:
        raise UsageError(
            f"{contract.dataset} has no valid day: there is nothing to serve.",
            next_step=f"`matinee run {contract.dataset} --key DAY` publishes a day.",
            facts={"dataset": contract.dataset},
        )
    return newest


def _days(look: Validity, contract: Contract, newest: date, last_days: int | None) -> list[date]:
    """Return the days that are served, oldest first.

    Days that are owed and have no publication are refused, as are those that are not valid.
    """
    notes, owed = look.history(contract.dataset).newest_notes, look.owed_from(contract.dataset)
    known = [day for day in notes if day >= look.begin(contract.dataset) and day <= newest]
    first = min([*known, newest] if owed is None else [owed, newest])
    if last_days is not None:
        first = max(first, newest - timedelta(days=last_days - 1))
    for day in (days := list(day_range(first, newest))):
        status = look.status(contract.dataset, day)
        if not status.valid or (day == newest and day not in notes):
            reason = status.reason.detail if status.reason else "it was never published"
            raise InputsNotValidError(
                f"{contract.dataset} {day} is not served: {reason}.",
                next_step=f"`matinee vtts explain {contract.dataset}` names what holds it; or name another --key.",
                facts={"dataset": contract.dataset, "day": day},
            )
    return days
