"""Heals `ops.heals`: what the healer decided about each day, why, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from matinee.table.catalog import Lake
from matinee.table.registers import Register

HEALS = "ops.heals"
#: Derive again what changed; wait; or call a person.
Kind = Literal["heal", "wait", "human"]


@dataclass(frozen=True)
class Decision:
    """One decision on a day of a dataset: `cause` is what was found, `reason` why this was decided."""

    heal_id: str
    round: int
    dataset: str
    day: date
    decision: Kind
    cause: str
    reason: str
    publication_id: str | None = None
    rows_before: int | None = None
    rows_after: int | None = None
    cells: int | None = None
    cells_changed: int | None = None
    duration_ms: int | None = None
    tries: int | None = None
    recorded_ts: datetime | None = None


@dataclass(frozen=True)
class Spent:
    """What heals have cost: the cells that they derived, and the time that it took."""

    cells: int
    time: timedelta

    def plus(self, other: "Spent") -> "Spent":
        """Return the sum."""
        return Spent(self.cells + other.cells, self.time + other.time)


_REGISTER = Register(HEALS, Decision)


def record(lake: Lake, decisions: Iterable[Decision]) -> None:
    """Append decisions in one commit."""
    _REGISTER.append(lake, decisions)


def decisions(lake: Lake) -> list[Decision]:
    """Return every decision, oldest first."""
    return sorted(_REGISTER.rows(lake), key=lambda told: (told.recorded_ts, told.round, told.dataset, told.day))


def last_by_day(known: Iterable[Decision]) -> dict[tuple[str, date], Decision]:
    """Return the last decision on each day of a dataset; `known` is in the order of `decisions`."""
    return {(decision.dataset, decision.day): decision for decision in known}


def spent(known: Iterable[Decision]) -> Spent:
    """Return what decisions have cost."""
    tried = list(known)
    cells = sum(decision.cells or 0 for decision in tried)
    return Spent(cells, timedelta(milliseconds=sum(decision.duration_ms or 0 for decision in tried)))
