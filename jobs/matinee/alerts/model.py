"""Signals: what the watcher sees, what each shows, and what each is proven to follow from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal

#: How much a cause matters, the most urgent first.
Severity = Literal["page", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = ("page", "warning", "notice")
#: What a rule can be about. `source`: the watcher cannot look at something, or cannot tell somebody.
Kind = Literal[
    "failure",
    "time_to_complete",
    "freshness",
    "completeness",
    "quarantine_share",
    "healing",
    "stream_lag",
    "parity",
    "upkeep",
    "disk",
    "serving",
    "source",
]
#: Why a signal follows from a cause: a day is made from another day; both need the same resource; both are one error.
How = Literal["lineage", "resource", "error"]
#: The limit of a signal that no rule without a threshold finds worth telling: it says what other signals follow from.
NEVER = 1e18
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """What a cause is: its class, and the resource, or the dataset and its days, that it is about.

    Attributes:
        what: the class, such as `unavailable` or `withdrawn`.
        subject: a resource, a dataset or a DAG.
        first, last: the event days, both included; None where the cause is about no day.
    """

    what: str
    subject: str
    first: date | None = None
    last: date | None = None

    @classmethod
    def of_day(cls, what: str, subject: str, day: date) -> "Identity":
        """Return the identity of a cause on one day."""
        return cls(what, subject, day, day)

    @property
    def order(self) -> tuple[str, str, date, date]:
        """What identities are sorted by."""
        return self.what, self.subject, self.first or date.min, self.last or date.min

    def touches(self, other: "Identity") -> bool:
        """Whether both are one cause: the same class and subject, on days that overlap or follow each other."""
        if (self.what, self.subject) != (other.what, other.subject):
            return False
        if self.first is None or self.last is None or other.first is None or other.last is None:
            return self.first is other.first
        return self.first - _DAY <= other.last and other.first - _DAY <= self.last

    def joined(self, other: "Identity") -> "Identity":
        """Return the identity that covers the days of both; they touch."""
        if self.first is None or self.last is None or other.first is None or other.last is None:
            return self
        return replace(self, first=min(self.first, other.first), last=max(self.last, other.last))

    def __str__(self) -> str:
        words = f"{self.subject} {self.what.replace('_', ' ')}"
        if self.first is None:
            return words
        return f"{words}, {self.first}" if self.first == self.last else f"{words}, {self.first} to {self.last}"


@dataclass(frozen=True)
class Edge:
    """A proof that a signal follows from a cause."""

    how: How
    to: Identity


@dataclass(frozen=True)
class Signal:
    """Something that the watcher sees and that may matter; rules decide whether it does.

    Attributes:
        kind: which rules judge it.
        witness: names what was seen, the same at each look.
        identity: the cause that the signal states by itself, where no edge leads to another.
        says: one line.
        value: what a rule's threshold is compared with.
        since: where the value is an age: the instant from which the age counts, in seconds.
        limit: the threshold where the rule states none.
        dataset, dag: what rules select by.
        covered: why no rule judges the signal by itself: a backfill is at work on its day.
    """

    kind: Kind
    witness: str
    identity: Identity
    says: str
    next_step: str
    value: float = 0.0
    since: datetime | None = None
    limit: float = 0.0
    dataset: str = ""
    dag: str = ""
    link: str | None = None
    edges: tuple[Edge, ...] = ()
    covered: str = ""
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)

    def measured(self, at: datetime) -> float:
        """Return the value at an instant."""
        return self.value if self.since is None else (at - self.since).total_seconds()


@dataclass(frozen=True)
class Sighting:
    """A signal that is seen, and since when its witness is seen without a gap."""

    signal: Signal
    since: datetime


def most_urgent(severities: "list[Severity]") -> Severity:
    """Return the most urgent of some severities; there is one at least."""
    return min(severities, key=SEVERITIES.index)
