"""What the journal keeps beside incidents: spans of signals, notes, deliveries, windows and looks."""

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Literal

from matinee.alerts.model import Identity, Signal
from matinee.alerts.rules.model import Route
from matinee.sinks.message import Message


@dataclass(frozen=True)
class Span:
    """A signal and the looks that saw it.

    Attributes:
        first_seen: the look that saw it first.
        begun: the first look of those that saw its witness without a gap, whatever the signal said.
        gone_at: the look that did not see it any more; None while it is seen.
    """

    signal: Signal
    first_seen: datetime
    begun: datetime
    gone_at: datetime | None = None

    @property
    def span_id(self) -> str:
        """Names the span."""
        signal = self.signal
        parts = (signal.kind, signal.witness, *map(str, signal.identity.order), signal.says, str(self.first_seen))
        return sha256("\n".join(parts).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Note:
    """What happened to an incident, who did it, and why; `who` is `watcher` where nobody did."""

    incident_id: str
    at: datetime
    event: str
    who: str
    why: str

    @property
    def note_id(self) -> str:
        """Names the note."""
        return f"{self.incident_id}-{self.at.isoformat()}-{self.event}"


@dataclass(frozen=True)
class Delivery:
    """A message for one channel, until the channel has it.

    Attributes:
        next_at: when it is tried next, while it waits.
        told: what the channel returned.
        error: why the last try failed.
        changed_at: when this was last written.
    """

    route: Route
    message: Message
    state: Literal["waiting", "sent", "superseded"]
    next_at: datetime
    changed_at: datetime
    tries: int = 0
    told: str | None = None
    error: str = ""

    @property
    def delivery_id(self) -> str:
        """Names the delivery."""
        return f"{self.message.key}-{self.route}"


@dataclass(frozen=True)
class Window:
    """A time in which nobody is told of some causes: a maintenance window, or the silence of one cause.

    Attributes:
        identity: the one cause that is silenced; None: those whose subject matches `subjects`.
        subjects: patterns of datasets, DAGs and resources, such as `core.*`; of a DAG they cover its tasks.
    """

    window_id: str
    begin: datetime
    end: datetime
    who: str
    why: str
    changed_at: datetime
    subjects: tuple[str, ...] = ()
    identity: Identity | None = None

    def holds_back(self, identity: Identity, at: datetime) -> bool:
        """Whether nobody is told of a cause now."""
        if not self.begin <= at < self.end:
            return False
        if self.identity is not None:
            return self.identity.touches(identity)
        of_tasks = [f"{pattern}.*" for pattern in self.subjects] if identity.what == "failed" else []
        return any(fnmatchcase(identity.subject, pattern) for pattern in (*self.subjects, *of_tasks))


@dataclass(frozen=True)
class LookNote:
    """One look of the watcher: when, by whom, what it could not look at, and how long it took."""

    at: datetime
    holder: str
    blind: tuple[str, ...] = ()
    seconds: float = 0.0
