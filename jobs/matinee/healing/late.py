"""Stale days: published days whose inputs have changed since, by metadata alone, in the order of repair.

A day that reads dropped days is never stale: a heal would lose their rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from matinee.contracts.model import Contract
from matinee.healing.freshness import fresh_days
from matinee.ledger.model import Publication, State
from matinee.table.catalog import Lake
from matinee.table.files import day_landing_seqs
from matinee.validity.outdated import restated_inputs
from matinee.validity.reasons import DayStatus
from matinee.validity.validity import Validity


@dataclass(frozen=True)
class StaleDay:
    """A published day whose inputs have changed since, the cause, and the number of its rows.

    Attributes:
        late: how many rows of the day have landed since it was published, where it is made from landed rows.
        kept_back: why only a person publishes the day again; None where only its inputs have changed.
        fresh: where the day is stale only because input days were not valid when it was published: when the newest of
            them was published. The daily run of the day after reads these input days, too.
    """

    dataset: str
    day: date
    publication_id: str
    rows: int
    cause: str
    late: int = 0
    kept_back: str | None = None
    fresh: datetime | None = None


def stale_days(lake: Lake, first: date | None = None, last: date | None = None) -> Iterator[StaleDay]:
    """Yield the published days that are stale, inputs before the datasets that are made from them.

    Each dataset is examined when the iteration reaches it: a caller that heals each day also gets the days that become
    stale by its heals.

    Args:
        lake: the lake.
        first, last: the days of the landed events to look at (default: all); days that are built on them lie anywhere.
    """
    datasets = [contract.dataset for contract in lake.registry.all() if contract.transform]
    for name in lake.registry.upstream_order(datasets):
        if not lake.exists(name):
            continue
        contract = lake.registry.get(name)
        landed = all(lake.registry.get(spec.dataset).transform is None for spec in contract.inputs)
        yield from stale_days_of(Validity(lake), contract, *((first, last) if landed else (None, None)))


def stale_days_of(
    validity: Validity, contract: Contract, first: date | None = None, last: date | None = None
) -> Iterator[StaleDay]:
    """Yield the published days of one dataset that are stale by one look, earliest first; see `Look.repaired_days`."""
    import numpy as np

    published, repaired = validity.history(contract.dataset).newest_by_day, validity.repaired_days(contract.dataset)
    earliest, latest = max(first or date.min, validity.derivable_from(contract)), last or date.max
    days = repaired[(repaired >= np.datetime64(earliest)) & (repaired <= np.datetime64(latest))]
    if not len(days):
        return
    bounds = days[0].item(), days[-1].item()
    landings = _landings(validity.lake, contract, *bounds)
    fresh = fresh_days(validity, contract, landings, *bounds)
    for day in days[~fresh.holds(days)].tolist():
        newest = published[day]
        causes = [*_landed_since(validity, landings, newest), *_restated(validity, newest)]
        unread = _unread(validity, contract, newest)
        if causes or unread:
            yield StaleDay(
                contract.dataset,
                day,
                newest.publication_id,
                newest.rows.out,
                "; ".join(
                    [*causes, *(f"{input_day} is valid, it was not when this was published" for input_day, _ in unread)]
                ),
                late=_late_rows(validity, contract, newest),
                kept_back=_kept_back(validity, newest),
                fresh=None if causes else max(since for _, since in unread),
            )


def _late_rows(validity: Validity, contract: Contract, newest: Publication) -> int:
    source = contract.inputs[0].dataset
    if validity.lake.registry.get(source).transform is not None:
        return 0
    return max(validity.landed(source).get(newest.day, 0) - newest.rows.read, 0)


def _landings(lake: Lake, contract: Contract, first: date, last: date) -> dict[str, dict[date, int]]:
    """Return the highest landing number of each day of a range in each landed input."""
    landings = {}
    for spec in contract.inputs:
        upstream = lake.registry.get(spec.dataset)
        if upstream.transform is None:
            table, column = lake.table(spec.dataset), upstream.day_column or ""
            now = table.metadata.current_snapshot_id or 0
            landings[spec.dataset] = day_landing_seqs(table, column, now, first, last)
    return landings


def _landed_since(validity: Validity, landings: Mapping[str, Mapping[date, int]], newest: Publication) -> Iterator[str]:
    for source, by_day in landings.items():
        read, landed = newest.run.pin(source).landing_seq or 0, by_day.get(newest.day, 0)
        rows = validity.landed(source).get(newest.day, 0)
        if landed > read:
            yield f"{source} has landing {landed}, it read up to {read}"
        elif rows > newest.rows.read:
            yield f"{source} holds {rows} rows, it read {newest.rows.read}"


def _restated(validity: Validity, newest: Publication) -> Iterator[str]:
    for now in restated_inputs(validity, newest):
        pin = newest.run.pin(now.dataset)
        read, stamp = pin.days[now.day], pin.stamps.get(now.day) or ""
        if now.generation != read:
            yield f"{now.dataset} {now.day} went from generation {read} to {now.generation}"
        else:
            # Both stamps are named: a decision on other rows must not be taken for a decision on these.
            rows = f"other rows ({stamp[:6]} ▸ {(now.stamp or '')[:6]})"
            yield f"{now.dataset} {now.day} holds {rows} under generation {read} (outdated, still valid)"


def _unread(validity: Validity, contract: Contract, newest: Publication) -> list[tuple[str, datetime]]:
    """Return the input days that were not valid when a day was published, each with the time of its own publication."""
    unread = []
    for now in _valid_inputs(validity, contract, newest.day):
        read = now.day in newest.run.pin(now.dataset).days
        since = None if read else validity.history(now.dataset).newest(now.day)
        if since is not None:
            unread.append((f"{now.dataset} {now.day}", since.recorded_ts))
    return unread


def _valid_inputs(validity: Validity, contract: Contract, published: date) -> Iterator[DayStatus]:
    """Yield the published input days of a day that are valid now.

    An input day that is not valid will become valid or be published again: until then there is nothing to read.
    """
    for spec in contract.inputs:
        if validity.lake.registry.get(spec.dataset).transform is None:
            continue
        for day in validity.read_days(contract, spec, published, published):
            now = validity.status(spec.dataset, day)
            if now.valid:
                yield now


def _kept_back(validity: Validity, newest: Publication) -> str | None:
    if newest.state is State.WITHDRAWN:
        return f"it was withdrawn ({newest.reason}); to publish it again is a person's to decide"
    changed = validity.changed_outside(newest)
    return f"it is {changed.detail}; to publish what is left is a person's to decide" if changed else None
