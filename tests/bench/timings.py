"""Timings: every run as it was measured, and what the runs of a contender come to."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.contenders import Contender


@dataclass(frozen=True)
class Timing:
    """One run: its seconds, those of its steps, the peak of its memory, and what it counted.

    A run without seconds was ended at the limit, or failed with the `failure`.
    """

    contender: str
    round: int
    options: Mapping[str, str]
    seconds: float | None
    steps: Mapping[str, float]
    peak_bytes: int
    failure: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a contender's runs come to: medians over the rounds of its best setting; no seconds if none ended."""

    name: str
    kind: str
    engine: str
    floor: bool
    options: Mapping[str, str]
    rounds: int
    seconds: float | None
    peak_bytes: int
    steps: Mapping[str, float]
    failure: str | None = None


def best_options(timings: Iterable[Timing]) -> Mapping[str, str] | None:
    """Return the options of the quickest run that ended; None where none did."""
    ended = [timing for timing in timings if timing.seconds is not None]
    return min(ended, key=lambda timing: timing.seconds or 0.0).options if ended else None


def outcome(contender: Contender, timings: Sequence[Timing]) -> Outcome:
    """Return what the runs of a contender come to."""
    own = [timing for timing in timings if timing.contender == contender.name]
    first = [timing for timing in own if timing.round == 1]
    options = best_options(first) or {}
    counted = [timing for timing in own if timing.options == options] or own
    seconds = [timing.seconds for timing in counted if timing.seconds is not None]
    ended = len(seconds) == len(counted)
    return Outcome(
        contender.name,
        contender.kind,
        contender.engine,
        contender.floor,
        options,
        len(counted),
        statistics.median(seconds) if seconds and ended else None,
        max((timing.peak_bytes for timing in counted), default=0),
        median_steps([timing.steps for timing in counted]),
        next((timing.failure for timing in counted if timing.failure), None),
    )


def median_steps(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each step over the runs that have it."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: round(statistics.median(run[name] for run in runs if name in run), 3) for name in names}
