"""How far one event reaches: the days of each dataset whose rows it can change, by adding or by taking it away.

With window w and least delay m: an impression at t can win plays of [t + m, t + w], and takes them from impressions no
older than t + m - w. A play at s belongs to its own day, and to an impression of [s - w, s - m].
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from matinee.days import LAST_INSTANT, day_range, shifted, start_of

Kind = Literal["impression", "play"]


@dataclass(frozen=True)
class Span:
    """Events of one kind within one event day, from the first instant to the last."""

    kind: Kind
    first: datetime
    last: datetime

    @classmethod
    def of_day(cls, kind: Kind, day: date) -> "Span":
        """Return the span of a whole day."""
        return cls(kind, start_of(day), start_of(day) + LAST_INSTANT)


def reached_days(span: Span, window: timedelta, min_delay: timedelta) -> Mapping[str, tuple[date, ...]]:
    """Return the days of each core dataset that events of the span can change, in the order they are derived.

    A cell is such a day with the bucket of the event's profile: no profile changes another one's rows.
    """
    nothing = timedelta(0)
    reaches: dict[str, tuple[timedelta, timedelta]]
    if span.kind == "impression":
        reaches = {
            "core.impressions": (nothing, nothing),
            "core.play_attributions": (min_delay, window),
            "core.impression_plays": (min(min_delay - window, nothing), nothing),
        }
    else:
        reaches = {
            "core.plays": (nothing, nothing),
            "core.play_attributions": (nothing, nothing),
            "core.impression_plays": (-window, -min_delay),
        }
    return {name: tuple(_days(span, *reach)) for name, reach in reaches.items()}


def _days(span: Span, before: timedelta, after: timedelta) -> Iterator[date]:
    first, last = shifted(span.first, before).date(), shifted(span.last, after).date()
    return day_range(first, last) if first <= last else iter(())
