"""One simulated day as the core tables hold it, cell by cell, uniform or with a hot profile and pair."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from matinee.sources.simulator import SimulatorOptions, columns, generate
from matinee.sources.simulator.columns import DAY, NULL, Array, Column, Frame, Kind
from matinee.sources.simulator.generation import Events
from matinee.sources.simulator.visits import SHARED_PROFILE, first_instant

Skew = Literal["uniform", "hot"]
SKEWS: tuple[Skew, ...] = get_args(Skew)
SEED = 11
PLAYS_PER_IMPRESSION = 0.083
HOT_SHARE = 0.1
HOT_TITLE = b"t99999"
#: Impressions and plays of the hot pair in a day of PAIR_ROWS impressions.
PAIR_IMPRESSIONS, PAIR_PLAYS, PAIR_ROWS = 36_000, 3_000, 10_000_000
# Longer than a day by more microseconds than there are rows to shift.
_LINE = 2**37


@dataclass(frozen=True)
class DayEvents:
    """The events of one day: a frame each, in codes and numbers; texts are made cell by cell."""

    options: SimulatorOptions
    impressions: Frame
    plays: Frame


def simulate_day(rows: int, skew: Skew, seed: int = SEED, plays: float = PLAYS_PER_IMPRESSION) -> DayEvents:
    """Simulate about `rows` impressions, and plays of each, of one day, all of them in good order.

    Raises:
        ValueError: the hot profile has too few events for its pair.
    """
    options = SimulatorOptions(
        days=1,
        seed=seed,
        titles=5_000,
        take_rate=0.0715 * plays / PLAYS_PER_IMPRESSION,
        shared_profile_share=HOT_SHARE if skew == "hot" else 0.0,
        duplicate_share=0,
        late_share=0,
        out_of_order_share=0,
        broken_share=0,
        incomplete_file_share=0,
    ).sized(int(rows * (1 + plays)))
    simulation = generate(options)
    end = first_instant(options) + DAY
    both = (simulation.impressions, simulation.plays)
    frames = [_on_day(_received(events), events.time_field, end) for events in both]
    if skew == "hot":
        frames = [_with_pair(frame, count) for frame, count in zip(frames, pair_counts(rows), strict=True)]
    return DayEvents(options, *frames)


def pair_counts(rows: int) -> tuple[int, int]:
    """Return how many impressions and plays the hot pair has in a day of that many impressions."""
    return round(PAIR_IMPRESSIONS * rows / PAIR_ROWS), round(PAIR_PLAYS * rows / PAIR_ROWS)


def cells(frame: Frame, time: str, identity: str, buckets: int) -> Iterator[pa.Table]:
    """Yield the rows of each bucket in turn as an Arrow table, sorted by profile, title, time and identity."""
    profile = frame["profile_id"]
    bucket = profile_buckets(profile.words, buckets)[profile.values]
    for number in range(buckets):
        cell = columns.take(frame, np.flatnonzero(bucket == number))
        keys = [cell[name].values for name in (identity, time, "title_id", "profile_id")]
        cell = columns.take(cell, np.lexsort(keys))
        if time == "event_ts":
            cell[time] = cell[time].with_values(_apart(cell))
        yield _core_table(cell, time, number)


def _received(events: Events) -> dict[str, Column]:
    # Each event has exactly one line, so the lines' times can be laid beside the events.
    received = np.empty(len(events), dtype=np.int64)
    received[events.delivery.event] = events.delivery.received
    return dict(events.frame) | {"received_ts": Column(Kind.INSTANT, received)}


def _on_day(frame: Frame, time: str, end: int) -> Frame:
    return columns.take(frame, np.flatnonzero(frame[time].values < end))


def _with_pair(frame: Frame, count: int) -> Frame:
    """Give events of the hot profile, evenly from its day, one title that nobody else has; no event is added."""
    title, own = frame["title_id"], np.flatnonzero(frame["profile_id"].values == SHARED_PROFILE)
    if len(own) < count:
        raise ValueError(f"the hot profile has {len(own)} events, fewer than its pair is to have: {count}")
    values = title.values.copy()
    values[own[np.linspace(0, len(own) - 1, count).astype(np.int64)]] = len(title.words)
    return dict(frame) | {"title_id": replace(title, values=values, vocabulary=np.append(title.words, HOT_TITLE))}


def profile_buckets(profiles: Array, buckets: int) -> Array:
    """Return the bucket of each profile id (bytes): integers of shape (n,)."""
    numbers = (int(hashlib.md5(word, usedforsecurity=False).hexdigest()[:7], 16) % buckets for word in profiles)
    return np.fromiter(numbers, dtype=np.int32, count=len(profiles))


def _apart(cell: Frame) -> Array:
    """Shift impressions of one profile and title by microseconds until no two have the same time.

    The winner of a tie is the greatest identifier, which an ASOF join cannot be told: without ties all must agree.
    """
    profile, title, ts = (cell[name].values for name in ("profile_id", "title_id", "event_ts"))
    starts = np.flatnonzero((np.diff(profile, prepend=-1) != 0) | (np.diff(title, prepend=-1) != 0))
    pair = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(ts)))
    day = ts.min(initial=np.iinfo(np.int64).max)
    place = np.arange(len(ts))
    line = np.maximum.accumulate(pair * _LINE + (ts - day) - place) + place
    return np.asarray(line - pair * _LINE + day)


def _core_table(cell: dict[str, Column], time: str, bucket: int) -> pa.Table:
    day = pa.array((cell[time].values // DAY).astype(np.int32)).cast(pa.date32())
    duration = cell.pop("duration_s", None)
    table = columns.to_arrow(cell)
    if duration is not None:
        milliseconds = pa.array(duration.values.astype(np.int64), mask=duration.values == NULL)
        table = table.append_column("duration_ms", milliseconds)
    return table.append_column("event_day", day).append_column(
        "profile_bucket", pa.array(np.full(len(day), bucket, dtype=np.int32))
    )
