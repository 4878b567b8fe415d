"""Arrival curves: the share of a day's events that has arrived at each age of the day, learned from earlier days.

A day that lacks rows is either still arriving or has lost rows. The curve of its source tells which: it has the share
that earlier, complete days had at the same age, with its spread over these days. An age counts only the time in which
the source delivered: while a source is silent, its rows are late, not lost.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from statistics import median, median_high
from typing import Literal

#: Arrivals are counted in steps of this length, from the end of the event day on; earlier arrivals are in step 0.
STEP = timedelta(minutes=10)
#: Rows that come later than a month count in the last step: a wrong clock must not make a curve of centuries.
LAST_STEP = timedelta(days=30) // STEP
#: A curve is learned from so many complete days.
DAYS = 14
#: From fewer complete days no curve is learned.
MIN_DAYS = 3
#: Share of its rows that a day may lack beyond what its curve allows before it counts as lost: a day is a sample.
TOLERANCE = 0.005
#: A source that was silent for longer than this is a matter for a person, whatever it sends later.
PATIENCE = timedelta(hours=12)

#: The first and the last instant at which rows of a file arrived.
Heard = tuple[datetime, datetime]


@dataclass(frozen=True)
class Expected:
    """Shares in [0, 1] of a day's final rows: the median of the earlier days, and the least share that is normal."""

    least: float
    middle: float


@dataclass(frozen=True)
class ArrivalCurve:
    """The arrivals of complete days: for each day the share that had arrived when each step after its end ended."""

    shares: tuple[tuple[float, ...], ...]

    @classmethod
    def learn(cls, days: Sequence[Mapping[int, int]]) -> "ArrivalCurve | None":
        """Learn from complete days, each as rows by step; None where they are too few.

        Args:
            days: rows by step (0: up to the end of the day and STEP after it), a mapping for each day. Rows of steps
                beyond LAST_STEP count in LAST_STEP.
        """
        counted = [_within_bounds(day) for day in days if sum(day.values())]
        if len(counted) < MIN_DAYS:
            return None
        last = max(step for day in counted for step in day)
        return cls(tuple(_cumulative(day, last) for day in counted))

    @cached_property
    def by_step(self) -> tuple[Expected, ...]:
        """The normal shares at the end of each step.

        A new day may lie farther from the median than the worst of the earlier days: three times as far where DAYS days
        are known, more where they are fewer. Where DAYS days are known, the worst day is left out as an outage.
        """
        days = len(self.shares)
        steps = []
        for at_step in zip(*self.shares, strict=True):
            middle, worst = median(at_step), sorted(at_step)[1 if days >= DAYS else 0]
            steps.append(Expected(max(0.0, middle - (1 + 2 * DAYS / days) * (middle - worst)), middle))
        return tuple(steps)

    def expected(self, age: timedelta) -> Expected:
        """Return the normal shares at an age; a step counts once it has ended."""
        step = min(age // STEP - 1, len(self.by_step) - 1)
        return self.by_step[step] if step >= 0 else Expected(0.0, 0.0)

    def age_at(self, share: float) -> timedelta:
        """Return the age from which on every normal day has this share."""
        # The least share may fall with age, so each step takes the minimum from there on. At the end all rows came.
        from_then_on = list(accumulate((expected.least for expected in reversed(self.by_step)), min))[::-1]
        return (bisect_left(from_then_on, share - 1e-12) + 1) * STEP


def _within_bounds(day: Mapping[int, int]) -> Counter[int]:
    by_step: Counter[int] = Counter()
    for step, rows in day.items():
        by_step[min(max(step, 0), LAST_STEP)] += rows
    return by_step


def _cumulative(day: Mapping[int, int], last: int) -> tuple[float, ...]:
    total, seen, shares = sum(day.values()), 0, []
    for step in range(last + 1):
        seen += day.get(step, 0)
        shares.append(seen / total)
    return tuple(shares)


@dataclass(frozen=True)
class Judgement:
    """What to do about a day, as `kind` and in words; `wait` is for how long, where rows are still on their way."""

    kind: Literal["enough", "wait", "lost", "unknown"]
    words: str
    wait: timedelta = timedelta(0)


def judge(
    curve: ArrivalCurve | None,
    landed: int,
    expected_rows: int,
    needed_share: float,
    age: timedelta,
    silent: timedelta = timedelta(0),
) -> Judgement:
    """Judge a day by its rows, the rows that are expected in all, and the time since its end.

    Args:
        curve: of the source; None where too few days are known.
        landed: rows so far.
        expected_rows: rows of the whole day, by manifest or history; above 0.
        needed_share: the share from which on the day counts as complete.
        age: time since the end of the day.
        silent: for how long of the age and of the day itself the source delivered nothing (`silence`).
    """
    share = landed / expected_rows
    have = f"{landed:,} of {expected_rows:,} rows ({share:.0%})"
    if share >= needed_share:
        return Judgement("enough", f"{have} are enough")
    if silent > PATIENCE:
        return Judgement("lost", f"{have}; the source was silent for {_minutes(silent)}, too long to wait")
    if curve is None:
        return Judgement("unknown", f"{have}; too few complete days to say whether that is normal")
    if silent:
        have += f"; the source was silent for {_minutes(silent)}"
    usual, ready = curve.expected(age - silent), curve.age_at(needed_share)
    if share < usual.least - TOLERANCE:
        return Judgement("lost", f"{have}; {usual.middle:.0%} expected by now, {usual.least:.0%} at the least")
    if ready <= age - silent:
        return Judgement("lost", f"{have}; no more is on its way by now")
    wait = ready - (age - silent)
    return Judgement("wait", f"{have}; {usual.middle:.0%} expected by now, wait {_minutes(wait)}", wait)


def is_due(curve: ArrivalCurve | None, late: int, rows: int, age: timedelta) -> bool:
    """Whether late rows are worth a repair now: at least as many have come as are still on their way.

    So each repair at least halves the rows that a day lacks, and a day takes a few repairs, not one with every look.

    Args:
        curve: of the source; None: at once.
        late: rows that landed after the day was published; above 0.
        rows: of the whole day.
        age: time since the end of the day.
    """
    return curve is None or late >= (1 - curve.expected(age).middle) * rows


def silence(heard: Iterable[Heard], since: datetime, now: datetime, usual: timedelta) -> timedelta:
    """Return for how long a source delivered nothing from an instant until now, in gaps that are not usual."""
    return sum((gap for gap in _gaps(heard, since, now) if gap > usual), timedelta(0))


def usual_gap(heard: Sequence[Heard], before: datetime) -> timedelta:
    """Return the length up to which a gap between arrivals is no silence: twice the median of the days' longest gaps.

    Args:
        heard: arrivals of the week before, or of the known part of it; without arrivals an hour is returned.
        before: the end of that week.
    """
    ends = [before - timedelta(days=number) for number in range(7)]
    first = min((begin for begin, _ in heard), default=before)
    days = [(end - timedelta(days=1), end) for end in ends if end - timedelta(days=1) >= first]
    longest = [max(_gaps(heard, *day)) for day in days]
    return 2 * median_high(longest) if longest else timedelta(hours=1)


def _gaps(heard: Iterable[Heard], since: datetime, until: datetime) -> list[timedelta]:
    covered, reached = [], since
    for first, last in sorted(heard):
        if last > reached and first < until:
            covered.append((min(max(first, reached), until), min(last, until)))
            reached = max(reached, last)
    edges = [(since, since), *covered, (until, until)]
    return [after - before for (_, before), (after, _) in pairwise(edges)]


def _minutes(length: timedelta) -> str:
    return f"{length // timedelta(minutes=1)} min"
