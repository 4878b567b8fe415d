"""The delivery of events to the landing folder: when, how often, in which order, and in which state.

Broken lines are EXTRA lines, corrupted copies of real ones: every event also lands once in good order, so nothing of
the truth is lost in transit.
"""

from dataclasses import dataclass

import numpy as np

from matinee.sources.simulator.columns import DAY, HOUR, SECOND, Array
from matinee.sources.simulator.options import FileFormat, SimulatorOptions

NO_DEFECT = 0
DEFECTS = (
    "none",
    "missing_field",
    "event_after_received",
    "event_before_earliest",
    "negative_duration",
    "malformed_json",
    "wrong_type",
)
INCOMPLETE_LINE = "incomplete_line"
DISPLACEMENT = 900 * SECOND


@dataclass(frozen=True)
class Delivery:
    """The lines in file order: integers and bools of shape (lines,), `received` in microseconds since 1970.

    `event` is the place of the event, `again` says that it was sent before, `altered` that its payload differs from
    the first time, `defect` is a place in DEFECTS (0: a good line).
    """

    event: Array
    received: Array
    again: Array
    altered: Array
    defect: Array

    def take(self, places: Array) -> "Delivery":
        """Return the lines at the given places."""
        return Delivery(
            self.event[places], self.received[places], self.again[places], self.altered[places], self.defect[places]
        )


def defects_of(file_format: FileFormat, *, durations: bool) -> tuple[str, ...]:
    """Return the defects that a line of such a file can have; Parquet can hold neither bad JSON nor wrong types."""
    anywhere = ("missing_field", "event_after_received", "event_before_earliest")
    with_durations = ("negative_duration",) if durations else ()
    return anywhere + with_durations + (() if file_format == "parquet" else ("malformed_json", "wrong_type"))


def deliver(
    options: SimulatorOptions, rng: np.random.Generator, ts: Array, upload: Array, defects: tuple[str, ...]
) -> Delivery:
    """Return the lines for events at `ts` (microseconds); those of the same `upload` are late together."""
    count = len(ts)
    first = ts + 200_000 + (rng.exponential(4.0, count) * SECOND).astype(np.int64)
    uploads = int(upload.max(initial=-1)) + 1
    held = np.where(rng.random(uploads) < options.late_share, rng.integers(2 * HOUR, 25 * HOUR, uploads), 0)
    first += held[upload]

    again = rng.integers(0, max(1, count), round(options.duplicate_share * count))
    resent = first[again] + SECOND + (rng.exponential(600.0, len(again)) * SECOND).astype(np.int64)
    broken = rng.integers(0, max(1, count), round(options.broken_share * count))
    codes = np.array([DEFECTS.index(name) for name in defects])
    lengths = (count, len(again), len(broken))
    lines = Delivery(
        event=np.concatenate([np.arange(count), again, broken]),
        received=np.concatenate([first, resent, first[broken]]),
        again=np.repeat([False, True, False], lengths),
        altered=np.concatenate(
            [np.zeros(count, dtype=bool), rng.random(len(again)) < options.altered_share, np.zeros(len(broken), bool)]
        ),
        defect=np.concatenate(
            [np.zeros(count + len(again), dtype=np.int8), codes[rng.integers(0, len(codes), len(broken))]]
        ),
    )
    return lines.take(_file_order(options, rng, lines.received))


def _file_order(options: SimulatorOptions, rng: np.random.Generator, received: Array) -> Array:
    """Return the order of the lines: by arrival, some up to a quarter of an hour off, never on another arrival day."""
    key = received.copy()
    displaced = np.flatnonzero(rng.random(len(key)) < options.out_of_order_share)
    key[displaced] += rng.integers(-DISPLACEMENT, DISPLACEMENT, len(displaced))
    midnight = received - received % DAY
    return np.argsort(np.clip(key, midnight, midnight + DAY - 1), kind="stable")
