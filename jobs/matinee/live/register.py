"""Ticks `ops.stream_ticks`: what was landed, how the live tables followed, and whether the stream is paused."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from matinee.errors import StreamPausedError
from matinee.table.catalog import Lake
from matinee.table.registers import Packed, Register, stamp

TICKS = "ops.stream_ticks"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Tick:
    """A landed batch, an update of the live tables, a pause or a resumption; fields of the others are None or empty.

    Attributes:
        offsets: the next offset of each `topic/partition` that the batch had records of.
        rows_landed: the rows of a landed batch, as `rows_quarantined`.
        as_of: the instant that the labels are as of after an update.
        lag_s: how long the oldest record had waited when it was landed, or when the live tables had it, in seconds.
        seconds: of each step: `land`, `live`.
    """

    state: Literal["ran", "paused", "resumed"]
    reason: str | None = None
    offsets: Packed[Mapping[str, int]] = field(default_factory=dict)
    rows_landed: int | None = None
    rows_quarantined: int | None = None
    as_of: datetime | None = None
    lag_s: float | None = None
    seconds: Packed[Mapping[str, float]] = field(default_factory=dict)
    recorded_ts: datetime = _LONG_AGO


_REGISTER = Register(TICKS, Tick)


def record(lake: Lake, tick: Tick) -> None:
    """Append a tick in one commit."""
    _REGISTER.append(lake, [replace(tick, recorded_ts=stamp())])


def ticks(lake: Lake, since: datetime = _LONG_AGO) -> list[Tick]:
    """Return the ticks from an instant on, oldest first."""
    return _ticks_where(lake, f"recorded_ts >= '{since.isoformat()}'")


def paused(lake: Lake) -> Tick | None:
    """Return the pause that holds now, if one does."""
    last = _last_word(lake)
    return last if last is not None and last.state == "paused" else None


def refuse_paused(lake: Lake) -> None:
    """Check that the stream is not paused.

    Raises:
        StreamPausedError: the stream is paused; the error says since when and why.
    """
    pause = paused(lake)
    if pause is not None:
        raise StreamPausedError(
            f"The stream is paused since {pause.recorded_ts:%Y-%m-%d %H:%M:%SZ}: {pause.reason}.",
            next_step="Remove the cause, then `matinee stream resume`.",
            facts={"since": pause.recorded_ts, "reason": pause.reason},
        )


def resumed(lake: Lake) -> datetime | None:
    """Return when somebody last let the stream go on."""
    words = [tick.recorded_ts for tick in _ticks_where(lake, "state in ('resumed')")]
    return max(words, default=None)


def _last_word(lake: Lake) -> Tick | None:
    words = _ticks_where(lake, "state in ('paused', 'resumed')")
    return words[-1] if words else None


def _ticks_where(lake: Lake, wanted: str) -> list[Tick]:
    return sorted(_REGISTER.rows(lake, wanted), key=lambda tick: tick.recorded_ts)
