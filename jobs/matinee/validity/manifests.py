"""Landed manifests `ops.manifests`: how many rows a producer says a day has, and whether the day is closed."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from matinee.table.catalog import Lake
from matinee.table.registers import append_rows

MANIFESTS = "ops.manifests"


@dataclass(frozen=True)
class Manifest:
    """What is declared of one day of a raw dataset; of several the one with the highest `landing_seq` holds."""

    dataset: str
    day: date
    expected_rows: int
    closed: bool
    file: str | None
    received_ts: datetime
    landing_seq: int = 0


@dataclass(frozen=True)
class Expectation:
    """How many rows a day should have, and who says so: `manifest`, `weekday median` or nobody (`None`)."""

    rows: int
    evidence: str


def declare(lake: Lake, manifests: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Append declarations in one commit; each gets a landing number above all earlier ones of the table."""
    found = tuple(manifests)
    if not found:
        return ()
    start = max((known.landing_seq for known in _all(lake)), default=0)
    numbered = tuple(Manifest(**{**vars(m), "landing_seq": start + 1}) for m in found)
    append_rows(lake, MANIFESTS, map(vars, numbered))
    return numbered


def _all(lake: Lake) -> list[Manifest]:
    if not lake.exists(MANIFESTS):
        return []
    return [Manifest(**row) for row in lake.table(MANIFESTS).scan().to_arrow().to_pylist()]


def declared(lake: Lake) -> dict[tuple[str, date], Manifest]:
    """Return what holds now of each (dataset, day)."""
    newest: dict[tuple[str, date], Manifest] = {}
    for manifest in sorted(_all(lake), key=lambda m: (m.landing_seq, m.received_ts, m.expected_rows)):
        newest[manifest.dataset, manifest.day] = manifest
    return newest


def changes(lake: Lake, wanted: Iterable[Manifest]) -> list[Manifest]:
    """Return the declarations that change what holds; of two for one day the later one."""
    held = declared(lake)
    last = {(one.dataset, one.day): one for one in wanted}
    return [
        one
        for key, one in last.items()
        if key not in held or (held[key].expected_rows, held[key].closed) != (one.expected_rows, one.closed)
    ]


def expectation(manifest: Manifest | None, landed: Mapping[date, int], day: date) -> Expectation | None:
    """Return how many rows a day should have: a closed manifest, else the median of earlier same weekdays.

    An open manifest says that more will come, so nothing is expected yet: None, as where there is no evidence at all.
    """
    if manifest is not None:
        return Expectation(manifest.expected_rows, "manifest") if manifest.closed else None
    earlier = [rows for other, rows in landed.items() if other < day and other.weekday() == day.weekday()]
    return Expectation(round(statistics.median(earlier)), "weekday median") if earlier else None
