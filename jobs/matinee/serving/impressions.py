"""What the service knows of impressions: the served averages, their columns, and how they fade."""

from collections.abc import Iterable
from functools import reduce
from typing import Any, NamedTuple

from matinee.domain.half_lives import HALF_LIVES
from matinee.serving.keys import Key

#: What `ImpressionStore` answers from.
BASE = "features.impression_ema"
KEY = Key(("profile_id", "title_id", "location"), ("string", "string", "string"))
DAY_US = 86_400_000_000
_AVERAGES = tuple(f"ema_{name}" for name in HALF_LIVES)
_LENGTHS = tuple(days * DAY_US for days in HALF_LIVES.values())


class Seen(NamedTuple):
    """What a profile has seen of a title; the averages are faded to an instant, in the order of the half-lives."""

    impressions: int = 0
    last_us: int | None = None
    plays: int = 0
    watch_ms: int = 0
    averages: tuple[float, ...] = (0.0,) * len(HALF_LIVES)

    @property
    def by_name(self) -> dict[str, float]:
        """The averages by the names of their columns."""
        return dict(zip(_AVERAGES, self.averages, strict=True))


def seen_of(value: Any, age_us: int) -> Seen:  # noqa: ANN401 - a message
    """Return what the value of an entry of the base tells, so many microseconds after its averages."""
    last = value.last_seen_ts
    return Seen(
        value.impressions,
        last.seconds * 1_000_000 + last.nanos // 1000,
        value.plays,
        value.watch_ms,
        faded([getattr(value, name) for name in _AVERAGES], age_us),
    )


def faded(averages: Iterable[float], age_us: int) -> tuple[float, ...]:
    """Return averages so many microseconds later; of a negative number earlier."""
    return tuple(average * 2.0 ** -(age_us / length) for average, length in zip(averages, _LENGTHS, strict=True))


def added(parts: Iterable[Seen]) -> Seen:
    """Return what parts of what was seen are together; their averages are as of one instant."""
    return reduce(_sum, parts, Seen())


def _sum(left: Seen, right: Seen) -> Seen:
    last = right.last_us if left.last_us is None else max(left.last_us, right.last_us or left.last_us)
    averages = tuple(map(float.__add__, left.averages, right.averages))
    return Seen(
        left.impressions + right.impressions, last, left.plays + right.plays, left.watch_ms + right.watch_ms, averages
    )
