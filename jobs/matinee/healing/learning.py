"""How the rows of sources arrive: the arrival curve of earlier days, and the times at which a source delivered.

Curves are learned from the published dataset that has the landed rows without repeats, the earliest of each: a producer
that sends a day again neither counts twice nor moves an arrival. A row counts from the time at which it was received,
which its producer may state: a delay after that time is not seen.

Cost: file statistics tell which files of a learned day have rows that came after the day; one column of these files is
read, in batches. The times at which a source delivered are in the register of landings, as compaction removes them
from files.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract
from matinee.days import MICROSECOND, end_of, micros_of, start_of
from matinee.healing.arrival_curve import DAYS, LAST_STEP, STEP, ArrivalCurve, silence, usual_gap
from matinee.landing.landed_files import landing_times
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.validity.validity import Validity

if TYPE_CHECKING:
    from pyiceberg.table import Table

RECEIVED = "received_ts"
_WEEK = timedelta(days=7)


def learned_curve(lake: Lake, dataset: str, before: date) -> ArrivalCurve | None:
    """Return the arrival curve of a landed dataset, from its last complete days before a day; None: too few."""
    return ArrivalCurve.learn(list(arrivals(lake, dataset, before).values()))


def arrivals(lake: Lake, dataset: str, before: date, days: int = DAYS) -> dict[date, Mapping[int, int]]:
    """Return the rows of a landed dataset by the step in which they first arrived, for its last valid days.

    A day of which a few rows are still to come seems to arrive slightly earlier than it does.

    Args:
        lake: the lake.
        dataset: a landed dataset.
        before: only days before this one.
        days: the highest number of days.
    """
    made = _without_repeats(lake, dataset)
    if made is None or not lake.exists(made.dataset):
        return {}
    validity, table, column = Validity(lake), lake.table(made.dataset), made.day_column or ""
    earlier = (day for day in sorted(validity.history(made.dataset).by_day, reverse=True) if day < before)
    valid = islice((day for day in earlier if validity.status(made.dataset, day).valid), days)
    return {day: _rows_by_step(table, column, day) for day in valid}


def silent_time(lake: Lake, dataset: str, day: date, now: datetime) -> timedelta:
    """Return for how long no file with rows of a dataset was landed, from the start of a day until now.

    Gaps that the source has every day do not count; their length is that of the week before.
    """
    since = start_of(day)
    heard = [(moment, moment) for moment in landing_times(lake, dataset, since - _WEEK)]
    return silence(heard, since, now, usual_gap(heard, since))


def _without_repeats(lake: Lake, dataset: str) -> Contract | None:
    """Return the published dataset that holds each event of a landed dataset once, with the time of its receipt."""
    for contract in lake.registry.all():
        if [spec.dataset for spec in contract.inputs] == [dataset] and RECEIVED in contract.column_names:
            return contract
    return None


def _rows_by_step(table: "Table", day_column: str, day: date) -> dict[int, int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    end = end_of(day)
    rows = sum(size.rows for size in day_sizes(table, day_column, first=day, last=day).values())
    late = f"{day_column} = '{day}' and {RECEIVED} >= '{(end + STEP).isoformat()}'"
    by_step: Counter[int] = Counter()
    for batch in table.scan(row_filter=late, selected_fields=(RECEIVED,)).to_arrow_batch_reader():
        received = pc.cast(batch.column(RECEIVED), pa.int64())
        steps = pc.divide(pc.subtract(received, micros_of(end)), STEP // MICROSECOND)
        steps = pc.min_element_wise(steps, LAST_STEP)
        by_step.update({count["values"]: count["counts"] for count in pc.value_counts(steps).to_pylist()})
    return {0: rows - by_step.total(), **by_step}
