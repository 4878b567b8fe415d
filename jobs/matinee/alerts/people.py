"""What people do about incidents: acknowledge, silence, resolve; and maintenance windows. Who and why are recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from matinee.alerts.evaluation import write
from matinee.alerts.incidents import Change, Incident, Verdict
from matinee.alerts.journal.records import Note, Window
from matinee.alerts.journal.store import Entries, Journal
from matinee.alerts.journal.tables import INCIDENTS, NOTES, WINDOWS
from matinee.errors import UsageError
from matinee.sinks.message import Event


def acknowledge(journal: Journal, incident_id: str, who: str, why: str, at: datetime) -> Incident:
    """Say that somebody is at work on an incident: it is not repeated any more.

    Raises:
        UsageError: there is no such incident, or it is resolved.
    """
    with _changing(journal, incident_id) as (entries, incident):
        _refuse_resolved(incident)
        after = _next(replace(incident, state="acknowledged"), at)
        write(entries, Change(after, Event.ACKNOWLEDGED, _words(who, why)), at, who)
    return after


def resolve(journal: Journal, incident_id: str, verdict: Verdict, who: str, why: str, at: datetime) -> Incident:
    """End an incident, and say whether it was worth telling: backtests count by that.

    Until its cause is gone, only something new that shows the cause opens another incident.

    Raises:
        UsageError: there is no such incident.
    """
    with _changing(journal, incident_id) as (entries, incident):
        was_active = incident.is_active
        ended = replace(incident, state="resolved", verdict=verdict, ended_by=incident.ended_by or who)
        after = replace(ended, resolved_at=incident.resolved_at or at, changed_at=at)
        if was_active:
            after = _next(after, at)
        write(entries, Change(after, Event.RESOLVED if was_active else None, f"{verdict}: {_words(who, why)}"), at, who)
    return after


def silence(journal: Journal, incident_id: str, until: datetime, who: str, why: str, at: datetime) -> Window:
    """Tell nobody of an incident's cause, and of no other cause, until an instant.

    Raises:
        UsageError: there is no such incident, or the instant is past.
    """
    _refuse_past(until, at)
    with _changing(journal, incident_id) as (entries, incident):
        window = Window(_name("silence", at, incident_id), at, until, who, why, at, identity=incident.identity)
        entries.put(WINDOWS, window)
        words = f"until {until:%Y-%m-%d %H:%MZ}: {why}"
        entries.put(NOTES, Note(incident_id, at, "silenced", who, words))
    return window


def open_window(
    journal: Journal, subjects: tuple[str, ...], begin: datetime, end: datetime, who: str, why: str, at: datetime
) -> Window:
    """Tell nobody of causes whose subjects match patterns for a time; incidents are opened all the same.

    Raises:
        UsageError: the end is past, or before the beginning.
    """
    _refuse_past(end, max(at, begin))
    window = Window(_name("window", at, *subjects), begin, end, who, why, at, subjects=subjects)
    with journal.begin() as entries:
        entries.put(WINDOWS, window)
    return window


def end_window(journal: Journal, window_id: str, at: datetime) -> Window:
    """End a window or a silence now.

    Raises:
        UsageError: there is no such window, or it is over.
    """
    with journal.begin() as entries:
        window = entries.get(WINDOWS, window_id)
        if window is None or window.end <= at:
            raise UsageError(
                f"No window that is not over is called {window_id}.",
                next_step="`matinee alerts window list` has them all.",
                facts={"window": window_id},
            )
        ended = replace(window, end=at, changed_at=at)
        entries.put(WINDOWS, ended)
    return ended


def known(entries: Entries, incident_id: str) -> Incident:
    """Return an incident by its name.

    Raises:
        UsageError: there is no such incident.
    """
    incident = entries.get(INCIDENTS, incident_id)
    if incident is None:
        raise UsageError(
            f"No incident is called {incident_id}.",
            next_step="`matinee incident list` has them all.",
            facts={"incident": incident_id},
        )
    return incident


@contextmanager
def _changing(journal: Journal, incident_id: str) -> Iterator[tuple[Entries, Incident]]:
    with journal.begin() as entries:
        yield entries, known(entries, incident_id)


def _refuse_resolved(incident: Incident) -> None:
    if not incident.is_active:
        raise UsageError(
            f"The incident {incident.incident_id} is resolved.",
            next_step="Nothing is to be done; `matinee incident list` shows what is open.",
            facts={"incident": incident.incident_id},
        )


def _refuse_past(until: datetime, at: datetime) -> None:
    if until <= at:
        raise UsageError(
            f"{until.isoformat()} is past, or not after the beginning.", next_step="Name a later end: a window has one."
        )


def _next(incident: Incident, at: datetime) -> Incident:
    """Return the incident with the number of another message."""
    told = len(incident.witnesses)
    return replace(incident, sequence=incident.sequence + 1, told_at=at, told_witnesses=told, changed_at=at)


def _words(who: str, why: str) -> str:
    return f"{who}: {why}" if why else who


def _name(kind: str, at: datetime, *parts: str) -> str:
    return f"{kind}-{at:%Y%m%d-%H%M%S}-{sha256('/'.join(parts).encode()).hexdigest()[:4]}"
