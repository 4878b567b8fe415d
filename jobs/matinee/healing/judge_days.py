"""Days of landed events that lack rows, each judged by how earlier days of its source arrived."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from matinee.days import day_range, end_of
from matinee.healing.arrival_curve import Judgement, judge
from matinee.healing.learning import learned_curve, silent_time
from matinee.table.catalog import Lake
from matinee.validity.completeness import Unknown, counted, expectation
from matinee.validity.validity import Validity

#: Days that ended longer ago are not judged any more: earlier looks have judged them.
HORIZON = timedelta(days=14)


def judge_arrivals(lake: Lake, now: datetime) -> Iterator[tuple[str, date, int, Judgement]]:
    """Yield the ended days of raw datasets that have fewer rows than they need: dataset, day, rows so far, judgement.

    Days without an expected number of rows are left to the alert `stale_dataset`.
    """
    validity = Validity(lake)
    for contract in lake.registry.all():
        if contract.kind != "event" or not lake.exists(contract.dataset):
            continue
        landed = validity.landed(contract.dataset)
        first = max(validity.valid_from or min(landed, default=now.date()), (now - HORIZON).date())
        curve = learned_curve(lake, contract.dataset, now.date())
        for day in day_range(first, now.date() - timedelta(days=1)):
            expected = expectation(validity, contract.dataset, day)
            if validity.status(contract.dataset, day).valid or isinstance(expected, Unknown) or not expected.rows:
                continue
            rows = int(counted(validity, contract.dataset, day, expected).toward(expected))
            share, age = contract.completeness_share, now - end_of(day)
            silent = silent_time(lake, contract.dataset, day, now)
            yield contract.dataset, day, rows, judge(curve, rows, expected.rows, share, age, silent)
