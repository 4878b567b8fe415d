"""Who still needs old days of a dataset: pinned sets, runs and branches at work, live tables. These days stay."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract, live_name
from matinee.contracts.registry import Registry
from matinee.ledger import pins
from matinee.ledger.open_branches import open_work
from matinee.ledger.pinned_sets import held
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class Need:
    """Somebody needs the days of a dataset from `first` on; `until` is None where no time ends that."""

    first: date
    who: str
    until: datetime | None
    next_step: str


def needs(lake: Lake, contract: Contract, table: "Table", before: date, now: datetime) -> Iterator[Need]:
    """Yield who needs days before `before`, among the days that `main` of a table holds.

    Args:
        lake: the lake.
        contract: the contract of the dataset, which is kept by day.
        table: the table, as the caller has loaded it.
        before: the first day that is not to be dropped.
        now: pins that end before this time do not count.
    """
    pinned = (*_sets(lake, contract, table, before, now), *_runs(lake, contract, table, before, now))
    for need in (*pinned, *_branches(lake, contract), *_live(lake, contract)):
        if need.first < before:
            yield need


def _sets(lake: Lake, contract: Contract, table: "Table", before: date, now: datetime) -> Iterator[Need]:
    for pinned_set in held(lake):
        snapshot_id = pinned_set.snapshots.get(contract.dataset)
        if snapshot_id is None or pinned_set.ends <= now or table.metadata.snapshot_by_id(snapshot_id) is None:
            continue  # A snapshot of a set that was cut off may have expired: the next call ends the set.
        first = _first_day(contract, table, snapshot_id, before)
        if first is not None:
            who = f"the pinned set {pinned_set.pin_id} of {pinned_set.holder} ({pinned_set.why})"
            yield Need(first, who, pinned_set.ends, f"`matinee pins end {pinned_set.pin_id}`, if it is needed no more.")


def _runs(lake: Lake, contract: Contract, table: "Table", before: date, now: datetime) -> Iterator[Need]:
    """Yield the runs that read a dataset: their pins name the key, and the contract says what a key reads."""
    ended = pins.ended(table, now)
    for name, ref in sorted(table.metadata.refs.items()):
        if not name.startswith(names.PIN) or name in ended:
            continue
        run = name.removeprefix(names.PIN)
        first = _first_read(lake.registry, contract.dataset, run)
        first = first or _first_day(contract, table, ref.snapshot_id, before)
        if first is not None:
            yield Need(first, f"the run {run}", refs.ends(table, name), "Nothing: it goes once the run has ended.")


def _branches(lake: Lake, contract: Contract) -> Iterator[Need]:
    """Yield the branches at work that change a dataset, or that were made from it."""
    wait = "Nothing: they go once that work is done; `matinee doctor` names what died."
    for reader in lake.registry.all():
        specs = [spec for spec in reader.inputs if spec.dataset == contract.dataset]
        if (reader.dataset != contract.dataset and not specs) or not lake.exists(reader.dataset):
            continue
        for work in open_work(lake, reader.dataset):
            for touched in work.touched:
                reads = [reader.input_days(spec, touched.first, touched.last)[0] for spec in specs]
                yield Need(min([touched.first, *reads]), f"the branch {work.branch} of {reader.dataset}", None, wait)


def _live(lake: Lake, contract: Contract) -> Iterator[Need]:
    """Yield the live tables whose days are compared with a dataset, or derived from it."""
    for live in lake.registry.all():
        name = live_name(live.dataset)
        if not live.has_live or not lake.exists(name):
            continue
        first = min(day_sizes(lake.table(name), live.day_column or ""), default=None)
        reads = _reads(lake.registry, live, contract.dataset, first) if first else None
        if reads is not None:
            end = "Nothing: its days end as `live.keep` of its contract says."
            yield Need(reads, f"the live table {name}", None, end)


def _reads(registry: Registry, contract: Contract, dataset: str, day: date) -> date | None:
    """Return the first day of `dataset` that is read to derive a day of a contract, directly or not; None: no day."""
    if contract.dataset == dataset:
        return day
    first_days = (
        _reads(registry, registry.get(spec.dataset), dataset, contract.input_days(spec, day, day)[0])
        for spec in contract.inputs
    )
    return min((first for first in first_days if first is not None), default=None)


def _first_read(registry: Registry, dataset: str, run: str) -> date | None:
    for reader in registry.all():
        key = re.match(rf"{reader.dataset.replace('.', '_')}_(\d{{8}})(?:_(\d{{8}}))?_", run)
        for spec in reader.inputs if key else ():
            if spec.dataset == dataset and key:
                first, last = date.fromisoformat(key[1]), date.fromisoformat(key[2] or key[1])
                return reader.input_days(spec, *reader.touched_days(first, last))[0]
    return None


def _first_day(contract: Contract, table: "Table", snapshot_id: int, before: date) -> date | None:
    last = before - timedelta(days=1)
    return min(day_sizes(table, contract.day_column or "", snapshot_id=snapshot_id, last=last), default=None)
