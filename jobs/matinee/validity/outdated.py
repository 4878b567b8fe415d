"""Outdated days: valid, but days of their inputs hold other rows by now than were read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from matinee.ledger.ledger import History
from matinee.ledger.model import REACHED, Buckets, InputPin, Publication
from matinee.table.files import data_files, file_bucket, file_day
from matinee.validity.reasons import DayStatus
from matinee.validity.validity import Validity


@dataclass(frozen=True)
class OtherRows:
    """The days of an input that hold other rows than a publication has read, and how many rows those cells hold now."""

    dataset: str
    days: tuple[date, ...]
    rows: int


def other_rows(validity: Validity, newest: Publication) -> list[OtherRows]:
    """Return by input what makes a published day outdated; nothing where the day is not."""
    changed: dict[str, dict[date, Buckets]] = {}
    for status in restated_inputs(validity, newest):
        read, published = newest.run.pin(status.dataset), validity.history(status.dataset)
        now = InputPin(status.dataset, 0, 0, None, {}, {status.day: status.stamp} if status.stamp else {})
        buckets = differing_buckets(published, status.day, read, now) or None
        changed.setdefault(status.dataset, {})[status.day] = buckets
    return [OtherRows(dataset, tuple(days), _rows(validity, dataset, days)) for dataset, days in changed.items()]


def restated_inputs(validity: Validity, newest: Publication) -> Iterator[DayStatus]:
    """Yield the published input days that are valid and not as a publication has read them, by input, then by day.

    Such a day has another generation, or other rows under the same generation. Days that are not valid will be, or are
    published again: until then there is nothing to read.
    """
    contract = validity.lake.registry.get(newest.run.dataset)
    for spec in contract.inputs:
        pin = newest.run.pin(spec.dataset)
        if validity.lake.registry.get(spec.dataset).transform is None:
            continue
        for day in validity.read_days(contract, spec, newest.day, newest.day):
            now, generation, stamp = validity.status(spec.dataset, day), pin.days.get(day), pin.stamps.get(day)
            other = stamp is not None and now.stamp is not None and stamp != now.stamp
            if now.valid and generation is not None and (now.generation != generation or other):
                yield now


def differing_buckets(published: History, day: date, before: InputPin, after: InputPin) -> Buckets:
    """Return the buckets of an input day whose stamps differ between two pins; None where it is not known which.

    Rows may change under the same generation, so stamps are compared in addition to generations.
    """
    old, new = before.stamps.get(day), after.stamps.get(day)
    if old is None or new is None or old == new:
        return ()
    stamps = {record.stamp: record.stamps for record in published.by_day.get(day, ()) if record.state in REACHED}
    if old not in stamps or new not in stamps:
        return None
    both = stamps[old].keys() | stamps[new].keys()
    differing = [bucket for bucket in both if stamps[old].get(bucket) != stamps[new].get(bucket)]
    return None if None in differing else tuple(bucket for bucket in differing if bucket is not None)


def _rows(validity: Validity, dataset: str, days: dict[date, Buckets]) -> int:
    table, column = validity.lake.table(dataset), validity.lake.registry.get(dataset).day_column or ""
    rows = 0
    for file in data_files(table, column, first=min(days), last=max(days)):
        day, bucket = file_day(table, file, column), file_bucket(table, file)
        buckets = days.get(day, ())
        rows += file.record_count if buckets is None or bucket in buckets else 0
    return rows
