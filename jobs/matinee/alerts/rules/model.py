"""A rule, and the routes by which it tells people."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from matinee.alerts.model import Kind, Severity


@dataclass(frozen=True)
class Route:
    """A channel and the connection that it uses."""

    channel: str
    connection: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.connection}"


@dataclass(frozen=True)
class Rule:
    """What opens an incident.

    Attributes:
        kind: of the signals that it judges.
        severity: how urgent its incidents are.
        runbook: `file#Section` in `sql/alerts/runbooks/`.
        datasets, dags: patterns of what it is about, such as `core.*`; empty: everything.
        threshold: the value above which a signal is an alarm; None: the signal's own limit.
        holds_for: for how long the signal has to be seen first.
        repeat: after what time a page that nobody has acknowledged is repeated.
        route: None: the route of the settings.
        budget: the highest number of pages a week.
        file, line: where it stands.
    """

    name: str
    kind: Kind
    severity: Severity
    runbook: str
    datasets: tuple[str, ...] = ()
    dags: tuple[str, ...] = ()
    threshold: float | None = None
    holds_for: timedelta = timedelta(0)
    repeat: timedelta = timedelta(hours=1)
    route: tuple[Route, ...] | None = None
    budget: int | None = None
    file: Path = field(default=Path(), compare=False)
    line: int = field(default=0, compare=False)
