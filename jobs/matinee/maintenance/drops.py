"""Drops: whole event days that a contract's `keep` ends, counted back from the dataset's newest valid day.

Days are dropped from the oldest on, up to the first day that somebody still needs (`maintenance.needs`); this day and
all later ones stay until nobody needs it. No clock decides which: a dataset without new days loses nothing.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from matinee import faults, retries
from matinee.contracts.model import Contract
from matinee.days import reach_back
from matinee.errors import CommitConflictError
from matinee.ledger.dropping import begin_of, drop_before
from matinee.maintenance.needs import Need, needs
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    from pyiceberg.table import Table

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Drop:
    """What the `keep` of a dataset asks for now.

    Attributes:
        first: the first day that `keep` leaves.
        before: the days before this day are dropped: `first`, or an earlier day that somebody needs.
        days, rows: how many days and rows are dropped.
        kept: how many days with rows `keep` would end, but stay because of `needed`.
        moves: whether the drop removes rows, or lets the dataset begin later.
    """

    dataset: str
    first: date
    before: date
    days: int
    rows: int
    kept: int
    needed: tuple[Need, ...]
    moves: bool


def plan_drop(lake: Lake, dataset: str, now: datetime) -> Drop | None:
    """Return what is dropped of a dataset; None where it keeps its days for ever, or no day is valid."""
    return _planned(lake, lake.registry.get(dataset), lake.table(dataset), now)


def drop(lake: Lake, dataset: str, now: datetime) -> Drop | None:
    """Drop the days that a dataset's `keep` ends and nobody needs, in one commit.

    Args:
        lake: the lake; its ledger was just updated.
        dataset: a dataset whose table exists.
        now: pins that end before this time do not count.

    Raises:
        ContractError: a contract cannot be used: its dataset may need the days.
        CommitConflictError: `main` moved first in each of many tries; nothing was dropped.
    """
    contract = lake.registry.get(dataset)
    lake.registry.require_all(f"No day of {dataset} is dropped, as not all of its readers are known")

    def once() -> Drop | None:
        # Loaded before the checks: a later publication is a conflict, a later pin holds the snapshot that has the days.
        table = lake.table(dataset)
        planned = _planned(lake, contract, table, now)
        if planned is not None and planned.moves:
            with retries.again_where_lost:
                drop_before(table, contract, planned.before)
            faults.reach("drop.after_commit")
        return planned

    lost = CommitConflictError(
        f"Others committed to {dataset} first, {refs.COMMIT_TRIES} times: no day was dropped.",
        next_step="Nothing: the next night drops them.",
        facts={"dataset": dataset},
    )
    return retries.committed(once, lost)


def _planned(lake: Lake, contract: Contract, table: "Table", now: datetime) -> Drop | None:
    if contract.keep is None:
        return None
    validity = Validity(lake)
    newest = _newest_valid(validity, contract)
    if newest is None or validity.valid_from is None:
        return None
    first = reach_back(newest, contract.keep - DAY)
    sizes = day_sizes(table, contract.day_column or "", last=first - DAY)
    owed = begin_of(table) or validity.valid_from
    # Where there is nothing to drop, nobody is asked.
    asks = bool(sizes) or owed < first
    needed = tuple(sorted(needs(lake, contract, table, first, now), key=lambda need: need.first)) if asks else ()
    before = min([first, *(need.first for need in needed)])
    gone = {day: size.rows for day, size in sizes.items() if day < before}
    kept = len(sizes) - len(gone)
    moves = bool(gone) or owed < before
    return Drop(contract.dataset, first, before, len(gone), sum(gone.values()), kept, needed, moves)


def _newest_valid(validity: Validity, contract: Contract) -> date | None:
    dataset = contract.dataset
    if contract.transform is not None:
        days = set(validity.history(dataset).by_day)
    else:
        days = {*validity.landed(dataset), *(day for name, day in validity.manifests if name == dataset)}
    return next((day for day in sorted(days, reverse=True) if validity.status(dataset, day).valid), None)
