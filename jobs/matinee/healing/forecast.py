"""What a heal would cost: the cells that it may derive again and the rows in them, before it writes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from matinee.contracts.model import DEDUPLICATE, Contract
from matinee.days import LAST_INSTANT, start_of
from matinee.healing.late import stale_days
from matinee.ledger.model import Publication
from matinee.publication.changed_buckets import (
    LateChange,
    buckets_of_days,
    changed_buckets,
    is_explained,
    late_changes,
)
from matinee.publication.plan import pin_at
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import Slice, slice_files
from matinee.transforms.reach import Span, reached_days
from matinee.validity.validity import Validity


@dataclass(frozen=True)
class Forecast:
    """A published day that a heal may touch: its cells (None: all of them) and the rows that stand in them."""

    dataset: str
    day: date
    cells: tuple[int, ...] | None
    rows: int
    rows_of_day: int


def forecast(lake: Lake, first: date | None = None, last: date | None = None) -> list[Forecast]:
    """Return the cells that a heal of the stale days may derive again, inputs before the datasets made from them.

    Args:
        lake: the lake.
        first, last: the days of the landed events to look at (default: all).
    """
    validity = Validity(lake)
    cells: dict[str, dict[date, set[int] | None]] = defaultdict(dict)
    for stale in (stale_day for stale_day in stale_days(lake, first, last) if stale_day.kept_back is None):
        contract = lake.registry.get(stale.dataset)
        newest = validity.history(stale.dataset).newest(stale.day)
        if newest is not None:
            for dataset, day, buckets in _touched(lake, validity, contract, newest):
                known = cells[dataset].setdefault(day, set())
                cells[dataset][day] = None if known is None or buckets is None else known | buckets
    order = lake.registry.upstream_order(list(cells))
    return [_counted(lake, name, day, cells[name][day]) for name in order for day in sorted(cells[name])]


def _touched(
    lake: Lake, validity: Validity, contract: Contract, newest: Publication
) -> Iterator[tuple[str, date, set[int] | None]]:
    """Yield the day's own cells, and the cells that its late rows reach in the datasets that are built on it."""
    now = {
        spec.dataset: pin_at(
            lake,
            validity,
            spec,
            refs.head(lake.table(spec.dataset)),
            *contract.input_days(spec, newest.day, newest.day),
        )
        for spec in contract.inputs
    }
    if contract.transform != DEDUPLICATE:
        own = changed_buckets(lake, validity, contract, newest, now.values())
        yield contract.dataset, newest.day, None if own is None else set(own)
        return
    [pin] = now.values()
    late = late_changes(lake, contract, newest, pin) if is_explained(lake, validity, contract, newest) else None
    yield contract.dataset, newest.day, None if late is None else {late_change.bucket for late_change in late}
    whole_day = LateChange(-1, start_of(newest.day), start_of(newest.day) + LAST_INSTANT)
    for change in [whole_day] if late is None else late:
        for dataset, day in _reached(lake, validity, contract.dataset, change):
            same = buckets_of_days(validity, lake.registry.get(dataset), [day]) == contract.cells.buckets
            yield dataset, day, {change.bucket} if same and late is not None else None


def _reached(lake: Lake, validity: Validity, dataset: str, change: LateChange) -> Iterator[tuple[str, date]]:
    for name, days in reached_days(lake.registry, dataset, Span(change.first, change.last)).items():
        repaired = {*validity.repaired_days(name).tolist()}
        yield from ((name, day) for day in days if day in repaired)


def _counted(lake: Lake, dataset: str, day: date, buckets: set[int] | None) -> Forecast:
    table, column = lake.table(dataset), lake.registry.get(dataset).day_column or ""
    wanted = None if buckets is None else tuple(sorted(buckets))
    rows, of_day = (
        sum(file.record_count for file in slice_files(table, column, Slice(dataset, refs.head(table), day, day, some)))
        for some in (wanted, None)
    )
    return Forecast(dataset, day, wanted, rows, of_day)
