"""What is stale: published days whose inputs have gone on, found by metadata alone, in the order of repair.

A day that reads days that were dropped is not: it would come out without their rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from matinee.contracts.model import Contract
from matinee.days import day_range
from matinee.healing.freshness import fresh_days
from matinee.ledger.model import Publication, State
from matinee.table.catalog import Lake
from matinee.table.files import day_landing_seqs
from matinee.validity.validity import DayStatus, Validity


@dataclass(frozen=True)
class StaleDay:
    """A published day that its inputs have left behind, what they did, and how many rows it has.

    Attributes:
        late: how many rows of the day have landed since it was published, where it is made from landed rows.
        kept_back: why nobody but a person publishes it again; None where its inputs went on and no more.
        fresh: where nothing else made the day stale, when the youngest input day was published that it has not read
            because that was not valid then. The daily run of the day after reads it, too.
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
    """Yield the published days that are stale, inputs before what is made from them.

    Each dataset is looked at when its turn comes: a caller that heals what it is given is then given what that made
    stale, too.

    Args:
        lake: the lake.
        first, last: the days of the landed events to look at (default: all); what is built on them lies anywhere.
    """
    datasets = [contract.dataset for contract in lake.registry.all() if contract.transform]
    for name in lake.registry.upstream_order(datasets):
        if not lake.exists(name):
            continue
        contract = lake.registry.get(name)
        landed = all(lake.registry.get(spec.dataset).transform is None for spec in contract.inputs)
        yield from _stale(lake, Validity(lake), contract, *((first, last) if landed else (None, None)))


def _stale(
    lake: Lake, validity: Validity, contract: Contract, first: date | None, last: date | None
) -> Iterator[StaleDay]:
    published = validity.history(contract.dataset)
    left = max(first or date.min, validity.derivable_from(contract))
    days = [day for day in sorted(published.by_day) if day >= left and not (last and day > last)]
    if not days:
        return
    landings = _landings(lake, contract, days)
    fresh = fresh_days(validity, contract, landings, days[0], days[-1])
    for day in days:
        newest = published.newest(day) if day not in fresh else None
        if newest is None:
            continue
        causes = [*_landed_since(validity, landings, newest), *_restated(validity, contract, newest)]
        unread = _unread(validity, contract, newest)
        if causes or unread:
            yield StaleDay(
                contract.dataset,
                day,
                newest.publication_id,
                newest.rows.out,
                "; ".join([*causes, *(f"{one} is valid, it was not when this was published" for one, _ in unread)]),
                late=_late_rows(validity, contract, newest),
                kept_back=_kept_back(validity, newest),
                fresh=None if causes else max(since for _, since in unread),
            )


def _late_rows(validity: Validity, contract: Contract, newest: Publication) -> int:
    source = contract.inputs[0].dataset
    if validity.lake.registry.get(source).transform is not None:
        return 0
    return max(validity.landed(source).get(newest.day, 0) - newest.rows.read, 0)


def _landings(lake: Lake, contract: Contract, days: list[date]) -> dict[str, dict[date, int]]:
    """Return the highest landing number of each of the days in each landed input."""
    found = {}
    for spec in contract.inputs:
        upstream = lake.registry.get(spec.dataset)
        if upstream.transform is None:
            table, column = lake.table(spec.dataset), upstream.day_column or ""
            now = table.metadata.current_snapshot_id or 0
            found[spec.dataset] = day_landing_seqs(table, column, now, days[0], days[-1])
    return found


def _landed_since(validity: Validity, landings: Mapping[str, Mapping[date, int]], newest: Publication) -> Iterator[str]:
    for source, by_day in landings.items():
        read, landed = newest.run.pin(source).landing_seq or 0, by_day.get(newest.day, 0)
        rows = validity.landed(source).get(newest.day, 0)
        if landed > read:
            yield f"{source} has landing {landed}, it read up to {read}"
        elif rows > newest.rows.read:
            yield f"{source} holds {rows} rows, it read {newest.rows.read}"


def _restated(validity: Validity, contract: Contract, newest: Publication) -> Iterator[str]:
    for now, read in _published_inputs(validity, contract, newest):
        stamp = newest.run.pin(now.dataset).stamps.get(now.day)
        if read is not None and now.generation != read:
            yield f"{now.dataset} {now.day} went from generation {read} to {now.generation}"
        elif stamp and now.stamp and stamp != now.stamp:
            # Both are named, so that what was decided of other rows is not taken for a decision on these.
            rows = f"other rows ({stamp[:6]} ▸ {now.stamp[:6]})"
            yield f"{now.dataset} {now.day} holds {rows} under generation {read} (outdated, still valid)"


def _unread(validity: Validity, contract: Contract, newest: Publication) -> list[tuple[str, datetime]]:
    """Return the input days that were not valid when a day was published, each with when it was published itself."""
    found = []
    for now, read in _published_inputs(validity, contract, newest):
        since = validity.history(now.dataset).newest(now.day) if read is None else None
        if since is not None:
            found.append((f"{now.dataset} {now.day}", since.recorded_ts))
    return found


def _published_inputs(
    validity: Validity, contract: Contract, newest: Publication
) -> Iterator[tuple[DayStatus, int | None]]:
    """Yield the published input days that are valid now, each with the generation that was read."""
    for now in _valid_inputs(validity, contract, newest.day):
        yield now, newest.run.pin(now.dataset).days.get(now.day)


def _valid_inputs(validity: Validity, contract: Contract, published: date) -> Iterator[DayStatus]:
    """Yield the published input days of a day that are valid now.

    One that is not valid will be, or will be published anew: until then there is nothing to read.
    """
    for spec in contract.inputs:
        if validity.lake.registry.get(spec.dataset).transform is None:
            continue
        for day in day_range(*contract.input_days(spec, published, published)):
            now = validity.status(spec.dataset, day)
            if now.valid:
                yield now


def _kept_back(validity: Validity, newest: Publication) -> str | None:
    if newest.state is State.WITHDRAWN:
        return f"it was withdrawn ({newest.reason}); to publish it again is a person's to decide"
    changed = validity.changed_outside(newest)
    return f"it is {changed.detail}; to publish what is left is a person's to decide" if changed else None
