"""Evaluation: what a look saw becomes spans, alarms, causes, incidents and messages, in one transaction."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from matinee.alerts.folding import fold
from matinee.alerts.incidents import REOPENED_WITHIN, Change, Hush, Incident, step
from matinee.alerts.journal.records import Delivery, Note, Span
from matinee.alerts.journal.store import Entries
from matinee.alerts.journal.tables import DELIVERIES, INCIDENTS, NOTES, SPANS, WINDOWS
from matinee.alerts.judging import alarms
from matinee.alerts.messages import deliveries
from matinee.alerts.model import Identity, Sighting, Signal
from matinee.alerts.rules.model import Route, Rule
from matinee.sinks.message import Event

WATCHER = "watcher"


def evaluate(
    entries: Entries,
    signals: Sequence[Signal],
    rules: Sequence[Rule],
    at: datetime,
    default_route: tuple[Route, ...],
    blind: Collection[str] = (),
    left_out: Collection[str] = (),
) -> list[Change]:
    """Record what was seen, and write what changes about incidents, with the messages that tell it.

    Nobody looks at a dataset that is left out, as its contract cannot be used: what was seen of it last stays so.
    """
    sightings = record(entries, signals, at, blind, left_out)
    causes = fold(alarms(rules, sightings, at), signals, rules)
    still = entries.all(SPANS, state="seen") if left_out else []
    unseen = {span.signal.witness for span in still if span.signal.dataset in left_out and span.signal not in signals}
    changes = step(known_incidents(entries, at), causes, at, default_route, hush_of(entries, at), blind, unseen)
    for change in changes:
        write(entries, change, at, WATCHER)
    return changes


def record(
    entries: Entries,
    signals: Sequence[Signal],
    at: datetime,
    blind: Collection[str] = (),
    left_out: Collection[str] = (),
) -> list[Sighting]:
    """Write when each signal was first seen and when it was gone; return what is seen now.

    A signal of a kind, or of a dataset, that could not be looked at is neither seen nor gone.
    """
    open_spans = entries.all(SPANS, state="seen")
    begun = {(span.signal.kind, span.signal.witness): span.begun for span in open_spans}
    same = {span.signal: span for span in open_spans}
    seen = dict.fromkeys(signals)
    witnesses = {signal.witness for signal in seen}
    gone = [
        span
        for signal, span in same.items()
        if signal not in seen
        and signal.kind not in blind
        and (signal.witness in witnesses or signal.dataset not in left_out)
    ]
    new = [Span(signal, at, begun.get((signal.kind, signal.witness), at)) for signal in seen if signal not in same]
    entries.put(SPANS, *(replace(span, gone_at=at) for span in gone), *new)
    return [Sighting(signal, begun.get((signal.kind, signal.witness), at)) for signal in seen]


def known_incidents(entries: Entries, at: datetime) -> list[Incident]:
    """Return the incidents that a look may change."""
    active = entries.all(INCIDENTS, state=["open", "acknowledged", "lingering"])
    return active + entries.all(INCIDENTS, since=at - REOPENED_WITHIN, state="resolved")


def hush_of(entries: Entries, at: datetime) -> Hush:
    """Return what says why a cause is not told now."""
    windows = entries.all(WINDOWS)

    def hush(identity: Identity) -> str | None:
        held = next((window for window in windows if window.holds_back(identity, at)), None)
        return f"{held.who} ({held.why}), until {held.end:%Y-%m-%d %H:%MZ}" if held else None

    return hush


def write(entries: Entries, change: Change, at: datetime, who: str) -> None:
    """Write a changed incident, what happened to it and who did it, and the messages that tell it."""
    incident = change.incident
    entries.put(INCIDENTS, incident)
    if change.event or change.why:
        word = change.event.value if change.event else "noted"
        entries.put(NOTES, Note(incident.incident_id, at, word, who, change.why))
    new = deliveries(change, at)
    if new:
        waiting = entries.all(DELIVERIES, state="waiting")
        entries.put(DELIVERIES, *(_superseded(each, at) for each in waiting if _is_old(each, incident)), *new)


def _is_old(delivery: Delivery, incident: Incident) -> bool:
    """Whether a waiting message only says again what a newer message says."""
    repeats = delivery.message.event is Event.REPEATED
    return repeats and delivery.message.incident_id == incident.incident_id


def _superseded(delivery: Delivery, at: datetime) -> Delivery:
    return replace(delivery, state="superseded", changed_at=at)
