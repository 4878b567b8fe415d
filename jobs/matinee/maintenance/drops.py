"""Drops: whole event days that a contract's `keep` ends, counted back from the dataset's newest valid day.

Days go from the oldest on, up to the first that somebody still needs (`maintenance.needs`); those from there on stay
until nobody does. No clock decides which: a dataset that stands still loses nothing.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from matinee import faults
from matinee.contracts.model import Contract
from matinee.days import reach_back
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
        first: the first day that it leaves.
        before: the days before this one go: `first`, or an earlier one that somebody needs.
        days, rows: how many days and rows go.
        kept: how many days with rows it would end, and stay for those in `needed`.
        moves: whether the dataset begins later by it, or rows go.
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
    """Return what goes of a dataset; None where it keeps its days for ever, or none of them is valid."""
    return _planned(lake, lake.registry.get(dataset), lake.table(dataset), now)


def drop(lake: Lake, dataset: str, now: datetime) -> Drop | None:
    """Drop the days that a dataset's `keep` ends and nobody needs, in one commit.

    Args:
        lake: the lake; its ledger was just brought up to date.
        dataset: of which a table exists.
        now: the time that pins end by.

    Raises:
        CommitConflictError: `main` moved first, each of many times; nothing was dropped.
    """
    contract = lake.registry.get(dataset)

    def once() -> Drop | None:
        # Before the looks: who publishes since is a conflict. Who pins since holds the snapshot that has the days.
        table = lake.table(dataset)
        found = _planned(lake, contract, table, now)
        if found is not None and found.moves:
            drop_before(table, contract, found.before)
            faults.reach("drop.after_commit")
        return found

    told = f"Others committed to {dataset} first, {refs.COMMIT_TRIES} times: no day was dropped."
    return refs.committed(once, told, "Nothing: the next night drops them.", dataset=dataset)


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
    # Nobody holds back what is not there.
    asks = bool(sizes) or owed < first
    needed = tuple(sorted(needs(lake, contract, table, first, now), key=lambda one: one.first)) if asks else ()
    before = min([first, *(one.first for one in needed)])
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
