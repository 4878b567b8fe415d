"""What the service knows of impressions: the served averages, their columns, how they fade, and the events as sent."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from matinee.contracts.model import RECEIVED, Column, Contract
from matinee.contracts.registry import Registry
from matinee.days import MICROSECOND
from matinee.domain.half_lives import HALF_LIVES
from matinee.domain.locations import Bands
from matinee.errors import ContractError
from matinee.landing.parsing.judge import judge_of, landed_fields
from matinee.serving.keys import Key

if TYPE_CHECKING:
    import pyarrow as pa

#: What `ImpressionStore` answers from; the tiles that its rows add up; the events of the tiles, unique and as landed.
BASE, TILES, EVENTS, LANDED = (
    "features.impression_ema",
    "features.impression_daily",
    "core.impressions",
    "raw.impressions",
)
KEY = Key(("profile_id", "title_id", "location"), ("string", "string", "string"))
#: The keys of a tile of a day, and of an event.
TILE_KEY = Key((*KEY.names, "event_day"), (*KEY.types, "date"))
EVENT_KEY = Key(("event_day", "event_id"), ("date", "string"))
DAY_US = 86_400_000_000
#: So far may the clock of a producer be ahead of the broker's: events beyond are quarantined.
SKEW_US = timedelta(minutes=5) // MICROSECOND
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


class Event(NamedTuple):
    """An impression as it was sent; of events with one id and day the least `order` counts."""

    id: str
    profile: str
    title: str
    location: str
    at_us: int
    received_us: int
    digest: bytes

    @property
    def day(self) -> int:
        """The day of the event, in days since 1970."""
        return self.at_us // DAY_US

    @property
    def order(self) -> tuple[int, int, bytes]:
        """What decides between events of one id."""
        return self.received_us, self.at_us, self.digest


def weights_of(at_us: int) -> tuple[float, ...]:
    """Return what an impression weighs at the end of its day, by half-life."""
    return faded((1.0,) * len(HALF_LIVES), DAY_US - at_us % DAY_US)


@dataclass(frozen=True)
class Reader:
    """Reads records of the topic by the rules of landing, and of the datasets that are made from what is landed."""

    landed: Contract
    events: Contract
    bands: Bands
    max_bytes: int

    @classmethod
    def of(cls, registry: Registry, max_bytes: int) -> "Reader":
        """Return the reader that contracts describe; longer records are quarantined."""
        return cls(registry.get(LANDED), registry.get(EVENTS), Bands.of(registry.get(TILES)), max_bytes)

    @property
    def topic(self) -> str:
        """The topic whose records are read."""
        return self.landed.topic or ""

    def read(self, payload: bytes, landed_us: int) -> Event | str:
        """Return the event of a record that the broker got at an instant, or the reason why it is quarantined."""
        if len(payload) > self.max_bytes:
            return "line_too_long"
        reason, _, values = judge_of(self.landed).judge(payload, landed_us)
        if reason is not None:
            return reason
        return self._judged(dict(values), landed_us)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of landed events that `events_of` takes."""
        return tuple(field.name for field in landed_fields(self.landed))

    def events_of(self, batch: "pa.RecordBatch") -> Iterator[Event | str]:
        """Yield the event of each row of landed events, or the reason why it is left out."""
        import pyarrow as pa

        times = {name for name in self.columns if pa.types.is_timestamp(batch.schema.field(name).type)}
        columns = [
            (batch.column(name).cast(pa.int64()) if name in times else batch.column(name)).to_pylist()
            for name in self.columns
        ]
        for row in zip(*columns, strict=True):
            value = dict(zip(self.columns, row, strict=True))
            yield self._judged(value, value[RECEIVED])

    def _judged(self, value: dict[str, Any], landed_us: int) -> Event | str:
        if value["event_ts"] > landed_us + SKEW_US:
            return "beyond_skew"
        place = self.bands.band(value[self.bands.row], value[self.bands.position])
        return Event(
            value["event_id"],
            value["profile_id"],
            value["title_id"],
            place,
            value["event_ts"],
            value[RECEIVED],
            self._digest(value),
        )

    def _digest(self, value: dict[str, Any]) -> bytes:
        """Return the hash of the canonical payload, as `transforms.deduplication` defines it."""
        others = {RECEIVED, self.events.day_column, self.events.cells.column}
        texts = (_text(column, value[column.name]) for column in self.events.columns if column.name not in others)
        return hashlib.sha256(",".join(texts).encode()).digest()


def _text(column: Column, value: Any) -> str:  # noqa: ANN401 - a value of a contract's column
    if column.type not in ("string", "int", "long", "timestamptz"):
        raise ContractError(
            f"{EVENTS}.{column.name} is a {column.type}: the service cannot tell which of two repeats counts.",
            next_step="Keep the column out of the contract, or serve averages without the topic.",
            facts={"dataset": EVENTS, "column": column.name},
        )
    return "-" if value is None else f"{len(str(value))}:{value}"
