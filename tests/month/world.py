"""The month as it happens: two sources, thirty days of uploads, and what goes wrong with some of them.

A device uploads its rows together. Most come within minutes, the others hours later: how many and how late is another
matter each day, and worse at weekends. One source is silent for nine hours across midnight and then catches up, rows of
one evening never come, and one day is sent again as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from matinee.days import start_of
from matinee.healing.arrival_curve import STEP, Heard

Array = npt.NDArray[Any]

FIRST_DAY = date(2026, 3, 1)
DAYS = 30
#: The last days are looked at until nothing of them is on its way.
LOOKED_AT_DAYS = DAYS + 4
BUCKETS = 64
TICKS_A_DAY = timedelta(days=1) // STEP
HOUR = timedelta(hours=1) // STEP
WEEKEND = 5

OUTAGE_DAY, LOST_DAY, SENT_AGAIN_DAY = 12, 18, 22
OUTAGE_FIRST, OUTAGE_LAST = OUTAGE_DAY * TICKS_A_DAY + 20 * HOUR, OUTAGE_DAY * TICKS_A_DAY + 29 * HOUR
CATCHING_UP = 1.5 * HOUR
SENT_AGAIN_FROM, SENT_AGAIN_TICKS = (SENT_AGAIN_DAY + 2) * TICKS_A_DAY + 9 * HOUR, 2 * HOUR


@dataclass(frozen=True)
class Source:
    """How a source delivers: rows a device uploads, uploads a day, and the share of them that are hours late."""

    kind: str
    dataset: str
    uploads: int
    rows: int
    late_share: float


IMPRESSIONS = Source("impression", "core.impressions", 10_000, 40, 0.24)
PLAYS = Source("play", "core.plays", 5_000, 4, 0.18)
SOURCES = (IMPRESSIONS, PLAYS)


@dataclass(frozen=True)
class Uploads:
    """Uploads by arrival: integers and bools of shape (uploads,), times in ticks of STEP since the month began.

    `day` is the number of the event day from 0, `again` says that the rows had arrived before.
    """

    arrived: Array
    event: Array
    bucket: Array
    again: Array

    @property
    def day(self) -> Array:
        """The event days."""
        return self.event // TICKS_A_DAY

    def take(self, places: Array) -> "Uploads":
        """Return the uploads at the given places."""
        return Uploads(self.arrived[places], self.event[places], self.bucket[places], self.again[places])


@dataclass(frozen=True)
class News:
    """What arrived of one event day between two looks: rows, those of them that are new, their cells and times."""

    day: int
    rows: int
    new_rows: int
    buckets: frozenset[int]
    first: int
    last: int


@dataclass(frozen=True)
class Feed:
    """One source over the month.

    Attributes:
        expected: rows of each day, as its manifest says.
        lost: the days of which rows never come.
        steps: rows of each day by the step after its end in which they first arrived.
        heard: when anything arrived.
    """

    source: Source
    uploads: Uploads
    expected: tuple[int, ...]
    lost: frozenset[int]
    steps: tuple[Array, ...]
    heard: Sequence[Heard]

    def news(self, first: int, last: int) -> Iterator[News]:
        """Yield what arrived in the ticks [first, last), by event day."""
        places = slice(*np.searchsorted(self.uploads.arrived, (first, last)))
        arrived = self.uploads.take(np.arange(places.start, places.stop))
        for day in np.unique(arrived.day):
            of_day = arrived.take(np.flatnonzero(arrived.day == day))
            new = of_day.take(np.flatnonzero(~of_day.again))
            rows, new_rows = (len(some.event) * self.source.rows for some in (of_day, new))
            span = (new.event.min(initial=of_day.event[0]), new.event.max(initial=of_day.event[0]))
            yield News(int(day), rows, new_rows, frozenset(new.bucket.tolist()), *map(int, span))


def instant(tick: int) -> datetime:
    """Return the time at which a tick begins."""
    return start_of(FIRST_DAY) + tick * STEP


def simulate(seed: int) -> tuple[Feed, ...]:
    """Return the month's feeds; the same for the same seed."""
    return tuple(_feed(source, np.random.default_rng([seed, number])) for number, source in enumerate(SOURCES))


def _feed(source: Source, rng: np.random.Generator) -> Feed:
    uploads = [_day(source, day, rng) for day in range(DAYS)]
    expected = tuple(len(upload.event) * source.rows for upload in uploads)
    lost = frozenset({LOST_DAY} if source is IMPRESSIONS else ())
    for day in lost:
        kept = (uploads[day].event % TICKS_A_DAY < 17 * HOUR) | (rng.random(len(uploads[day].event)) < 0.5)
        uploads[day] = uploads[day].take(np.flatnonzero(kept))
    if source is IMPRESSIONS:
        uploads = [_held_back(upload) for upload in uploads]
    else:
        uploads.append(_sent_again(uploads[SENT_AGAIN_DAY], rng))
    parts = (
        np.concatenate([getattr(upload, name) for upload in uploads])
        for name in ("arrived", "event", "bucket", "again")
    )
    joined = Uploads(*parts)
    joined = joined.take(np.argsort(joined.arrived, kind="stable"))
    steps = tuple(_steps(uploads[day], day) * source.rows for day in range(DAYS))
    return Feed(source, joined, expected, lost, steps, _heard(joined.arrived))


def _day(source: Source, day: int, rng: np.random.Generator) -> Uploads:
    weekend = (FIRST_DAY + timedelta(days=day)).weekday() >= WEEKEND
    count = round(source.uploads * rng.normal(1.2 if weekend else 1.0, 0.04))
    event = (day + rng.beta(2.5, 1.5, count)) * TICKS_A_DAY
    is_late = rng.random(count) < source.late_share * rng.normal(1.25 if weekend else 1.0, 0.07)
    hours = rng.lognormal(np.log(7.0 if weekend else 5.5), 0.12)
    late = np.minimum(rng.exponential(hours, count), 47) * HOUR
    prompt = rng.exponential(0.3, count)
    arrived = event + np.where(is_late, late, prompt)
    return Uploads(
        arrived.astype(np.int64), event.astype(np.int64), rng.integers(0, BUCKETS, count), np.zeros(count, dtype=bool)
    )


def _held_back(uploads: Uploads) -> Uploads:
    """Let what would have come during the outage come after it, in order, within CATCHING_UP."""
    out = (uploads.arrived >= OUTAGE_FIRST) & (uploads.arrived < OUTAGE_LAST)
    place = (uploads.arrived - OUTAGE_FIRST) / (OUTAGE_LAST - OUTAGE_FIRST)
    caught_up = (OUTAGE_LAST + place * CATCHING_UP).astype(np.int64)
    return Uploads(np.where(out, caught_up, uploads.arrived), uploads.event, uploads.bucket, uploads.again)


def _sent_again(uploads: Uploads, rng: np.random.Generator) -> Uploads:
    arrived = SENT_AGAIN_FROM + rng.integers(0, SENT_AGAIN_TICKS, len(uploads.event))
    return Uploads(arrived, uploads.event, uploads.bucket, np.ones(len(uploads.event), dtype=bool))


def _steps(uploads: Uploads, day: int) -> Array:
    return np.bincount(np.maximum(uploads.arrived - (day + 1) * TICKS_A_DAY, 0))


def _heard(arrived: Array) -> list[Heard]:
    """Return the spans of ticks in which something arrived, each unbroken."""
    ticks = np.unique(arrived)
    breaks = [0, *(np.flatnonzero(np.diff(ticks) > 1) + 1).tolist(), len(ticks)]
    return [(instant(int(ticks[begin])), instant(int(ticks[after - 1]) + 1)) for begin, after in pairwise(breaks)]
