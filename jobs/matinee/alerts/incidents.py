"""Incidents: one for each cause. What a look changes about them is decided here, from values alone."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from matinee.alerts.folding import Cause
from matinee.alerts.model import SEVERITIES, Identity, Severity
from matinee.alerts.rules.model import Route
from matinee.sinks.message import Event

State = Literal["open", "acknowledged", "resolved"]
Verdict = Literal["real", "noise"]
#: For how long a cause has to be gone until its incident is resolved; doubled each time that the cause has come back.
QUIET, LONGEST_QUIET = timedelta(minutes=10), timedelta(hours=6)
#: A cause that comes back within this time after its incident was resolved by itself is the same incident.
REOPENED_WITHIN = timedelta(hours=24)
#: The names of so many witnesses are kept.
NAMED = 1000
#: Says why an incident is not told now (a maintenance window, a silence); None: it is told.
Hush = Callable[[Identity], str | None]


@dataclass(frozen=True)
class Incident:
    """One cause that a person must know, from its opening to its end.

    Attributes:
        kinds: of the signals that show the cause.
        witnesses: what has shown the cause so far.
        times: how often the cause was there, with gaps in between.
        opened_at: when the cause was first seen.
        changed_at: when the incident was last written.
        gone_since: since when no signal shows the cause; None while it is shown.
        told_at: when channels were last told; None: not yet, or news was held back since.
        told_witnesses: how many witnesses there were then.
        ended_by: who resolved the incident; empty where its signals stopped.
        sequence: the number of its last message.
    """

    incident_id: str
    identity: Identity
    state: State
    severity: Severity
    cause: str
    next_step: str
    runbook: str
    link: str | None
    kinds: tuple[str, ...]
    rules: tuple[str, ...]
    routes: tuple[Route, ...]
    repeat: timedelta
    witnesses: tuple[str, ...]
    opened_at: datetime
    changed_at: datetime
    times: int = 1
    gone_since: datetime | None = None
    told_at: datetime | None = None
    told_witnesses: int = 0
    resolved_at: datetime | None = None
    ended_by: str = ""
    verdict: Verdict | None = None
    sequence: int = 0

    @property
    def is_active(self) -> bool:
        """Whether it is not resolved."""
        return self.state != "resolved"

    @property
    def patience(self) -> timedelta:
        """For how long its cause has to be gone until it is resolved."""
        doubled: timedelta = QUIET * 2 ** min(self.times - 1, 10)
        return min(doubled, LONGEST_QUIET)


@dataclass(frozen=True)
class Change:
    """An incident after a look, and what happened to it; `event` is None where nobody is told."""

    incident: Incident
    event: Event | None
    why: str


def step(
    known: Sequence[Incident],
    causes: Sequence[Cause],
    at: datetime,
    default_route: tuple[Route, ...] = (),
    hush: Hush = lambda _: None,
    blind: Collection[str] = (),
    unseen: Collection[str] = (),
) -> list[Change]:
    """Return what a look changes.

    Args:
        known: the incidents that are not resolved, and those that were resolved within `REOPENED_WITHIN` or are still
            shown.
        causes: what the look has shown.
        at: when it looked.
        default_route: of rules that name no route.
        hush: says why an identity is not told now.
        blind: kinds of signals that could not be looked at: that they are not seen proves nothing.
        unseen: witnesses that could not be looked at, whatever their kind.
    """
    changed: dict[str, Change] = {}
    shown: set[str] = set()
    for cause in causes:
        touching = [incident for incident in known if incident.identity.touches(cause.root)]
        shown |= {incident.incident_id for incident in touching}
        before = _same(touching, cause, at)
        after = _seen(before, cause, at, default_route) if before else _opened(cause, at, default_route)
        if after is not None:
            shown.add(after.incident.incident_id)
            changed[after.incident.incident_id] = after
    for incident in known:
        is_unseen = set(incident.kinds) & set(blind) or set(incident.witnesses) & set(unseen)
        if incident.incident_id not in shown and not is_unseen:
            gone = _gone(incident, at)
            changed |= {incident.incident_id: gone} if gone else {}
    current = {incident.incident_id: Change(incident, None, "") for incident in known} | changed
    told = (_told(change, at, hush) for _, change in sorted(current.items()))
    before_by_id = {incident.incident_id: incident for incident in known}
    return [change for change in told if change.incident != before_by_id.get(change.incident.incident_id)]


def identifier(identity: Identity, at: datetime) -> str:
    """Return the name of an incident: when it was opened, and a hash of its cause."""
    return f"{at:%Y%m%d-%H%M}-{sha256('/'.join(map(str, identity.order)).encode()).hexdigest()[:6]}"


def _same(touching: Sequence[Incident], cause: Cause, at: datetime) -> Incident | None:
    """Return the incident of a cause; None where a new incident is opened."""
    active = [incident for incident in touching if incident.is_active]
    if active:
        return min(active, key=lambda incident: (incident.opened_at, incident.incident_id))
    ended = [incident for incident in touching if incident.resolved_at]
    last = max(ended, key=lambda incident: (incident.resolved_at, incident.incident_id), default=None)
    if last is None or last.resolved_at is None:
        return None
    if last.ended_by:
        # What a person has resolved stays so while nothing new shows the cause, and it was shown without a gap.
        is_news = last.gone_since is not None or set(cause.witnesses) - set(last.witnesses)
        return None if is_news else last
    return last if at - last.resolved_at <= REOPENED_WITHIN else None


def _opened(cause: Cause, at: datetime, default_route: tuple[Route, ...]) -> Change:
    incident = Incident(
        identifier(cause.root, at),
        cause.root,
        "open",
        cause.severity,
        cause.told.says,
        cause.told.next_step,
        cause.runbook,
        cause.told.link,
        *_of_alarms(cause, default_route),
        cause.witnesses[:NAMED],
        opened_at=min(alarm.since for alarm in cause.alarms),
        changed_at=at,
    )
    return Change(incident, None, "seen")


def _of_alarms(
    cause: Cause, default_route: tuple[Route, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Route, ...], timedelta]:
    kinds = tuple(sorted({alarm.signal.kind for alarm in cause.alarms}))
    rules = tuple(sorted({alarm.rule.name for alarm in cause.alarms}))
    routes = {route for alarm in cause.alarms for route in _routes(alarm.rule.route, default_route)}
    repeat = min(alarm.rule.repeat for alarm in cause.alarms)
    return kinds, rules, tuple(sorted(routes, key=str)), repeat


def _routes(stated: tuple[Route, ...] | None, default_route: tuple[Route, ...]) -> tuple[Route, ...]:
    return default_route if stated is None else stated


def _seen(incident: Incident, cause: Cause, at: datetime, default_route: tuple[Route, ...]) -> Change | None:
    """Return an incident whose cause is shown; None where a person has ended it."""
    if not incident.is_active and incident.ended_by:
        return None
    kinds, rules, routes, repeat = _of_alarms(cause, default_route)
    witnesses = tuple(dict.fromkeys((*incident.witnesses, *cause.witnesses)))[:NAMED]
    again = incident.gone_since is not None or not incident.is_active
    after = replace(
        incident,
        identity=incident.identity.joined(cause.root),
        state=incident.state if incident.is_active else "open",
        severity=min(incident.severity, cause.severity, key=SEVERITIES.index),
        cause=cause.told.says,
        next_step=cause.told.next_step,
        runbook=cause.runbook,
        link=cause.told.link or incident.link,
        kinds=tuple(sorted({*incident.kinds, *kinds})),
        rules=tuple(sorted({*incident.rules, *rules})),
        routes=tuple(sorted({*incident.routes, *routes}, key=str)),
        repeat=min(incident.repeat, repeat),
        witnesses=witnesses,
        times=incident.times + again,
        gone_since=None,
        resolved_at=None,
        verdict=None,
    )
    why = "; ".join(_differences(incident, after))
    return Change(after if after == incident else replace(after, changed_at=at), Event.CHANGED if why else None, why)


def _differences(before: Incident, after: Incident) -> Iterator[str]:
    """Yield what people who know an incident are told next about it."""
    if not before.is_active:
        yield f"the cause is back, {after.times} times so far"
    if before.severity != after.severity:
        yield f"now a {after.severity}"
    if before.identity != after.identity:
        yield f"now {after.identity}"
    if before.told_at and len(after.witnesses) >= 2 * max(before.told_witnesses, 1):
        yield f"{len(after.witnesses)} witnesses by now"


def _gone(incident: Incident, at: datetime) -> Change | None:
    """Return an incident whose cause is not shown any more; None where nothing changes."""
    if incident.gone_since is None:
        return Change(replace(incident, gone_since=at, changed_at=at), None, "")
    if not incident.is_active or at - incident.gone_since < incident.patience:
        return None
    resolved = replace(incident, state="resolved", resolved_at=at, changed_at=at)
    return Change(resolved, Event.RESOLVED, "its signals stopped")


def _told(change: Change, at: datetime, hush: Hush) -> Change:
    """Decide what channels are told of an incident, and note that they are, or that a window holds news back."""
    incident, event, why = change.incident, change.event, change.why
    quiet = hush(incident.identity)
    if incident.told_at is None:
        if incident.is_active:
            event = Event.CHANGED if incident.sequence else Event.OPENED
            why = why or "no window holds it back any more"
        elif event is None or not incident.sequence:
            return Change(incident, None, why)  # It came and went while nobody was to be told.
    elif event is None and _is_due(incident, at):
        event, why = Event.REPEATED, "nobody has acknowledged it"
    if event is None:
        return change
    if quiet and event is not Event.RESOLVED:
        held = incident if event is Event.REPEATED else replace(incident, told_at=None)
        return Change(held, None, f"not told: {quiet}")
    numbered = replace(
        incident,
        sequence=incident.sequence + 1,
        told_at=at,
        told_witnesses=len(incident.witnesses),
        changed_at=at,
    )
    return Change(numbered, event, why)


def _is_due(incident: Incident, at: datetime) -> bool:
    """Whether a page that nobody has acknowledged is to be repeated, while its cause is shown."""
    waits = incident.state == "open" and incident.severity == "page" and incident.gone_since is None
    return waits and incident.told_at is not None and at - incident.told_at >= incident.repeat
