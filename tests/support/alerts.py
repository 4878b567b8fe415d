"""Literal signals, rules and channels for tests of alerts."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from matinee.alerts.journal.store import Journal, open_file
from matinee.alerts.judging import Alarm
from matinee.alerts.model import Edge, Identity, Signal
from matinee.alerts.rules.model import Route, Rule
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import days
from matinee.alerts.signals.outlook import Outlook
from matinee.settings import Settings
from matinee.sinks.message import Message

T0 = datetime(2026, 3, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BOARD = Route("board", "kitchen")
CATALOG = Identity("unavailable", "catalog")


def day(number: int, dataset: str = "core.plays", what: str = "unpublished") -> Identity:
    """A cause on a day of March 2026."""
    return Identity.of_day(what, dataset, date(2026, 3, number))


def rule(kind: str = "failure", severity: str = "page", **values: object) -> Rule:
    """A rule that tells the board."""
    stated: dict[str, Any] = {"name": f"{kind}_{severity}", "runbook": "lake.md#A", "route": (BOARD,)}
    return Rule(**(stated | {"kind": kind, "severity": severity} | values))


def signal(own: Identity, *follows: Identity, witness: str = "", kind: str = "failure", **values: object) -> Signal:
    """A signal that is always above its limit, and follows from causes."""
    edges = tuple(Edge("lineage", cause) for cause in follows)
    stated: dict[str, Any] = {"value": 1.0, "edges": edges} | values
    return Signal(kind, witness or str(own), own, f"says {own}", "look", **stated)  # type: ignore[arg-type]


def alarm(own: Identity, *follows: Identity, witness: str = "", severity: str = "page") -> Alarm:
    """An alarm of a failure."""
    return Alarm(signal(own, *follows, witness=witness), rule(severity=severity), T0)


@dataclass
class Board:
    """A channel that writes down what it is told; it can raise errors, and take its time."""

    said: list[tuple[str, str | None]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    wait: Any = None

    def send(self, message: Message, told: str | None) -> str | None:
        """Write a message down."""
        if self.wait is not None:
            self.wait.wait(20)
        if self.errors:
            raise self.errors.pop(0)
        self.said.append((f"{message.event.value} {message.title}", told))
        return message.key

    def open(self, _: str, __: str) -> "Board":
        """Open itself, whatever is asked for."""
        return self


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = T0

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def move(self, minutes: float) -> datetime:
        """Move on, and tell the time."""
        self.now += timedelta(minutes=minutes)
        return self.now


def journal_in(folder: Path) -> Journal:
    """A new journal in a folder."""
    return open_file(folder / "journal.db")


def stale_days(settings: Settings, now: datetime) -> list[Signal]:
    """The days that are older than the contracts of their datasets allow, and not valid."""
    return [each for each in days.look(Outlook(settings, AlertSettings(), now)) if each.measured(now) > each.limit]


def stale_datasets(settings: Settings, now: datetime) -> list[str]:
    """The datasets of these days, inputs first."""
    return list(dict.fromkeys(each.dataset for each in stale_days(settings, now)))
