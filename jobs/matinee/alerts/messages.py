"""What channels are told of an incident."""

from datetime import datetime

from matinee.alerts.incidents import Change, Incident
from matinee.alerts.journal.records import Delivery
from matinee.sinks.message import Event, Message

#: So many witnesses are named in a message.
NAMED = 10


def message(incident: Incident, event: Event, at: datetime, why: str) -> Message:
    """Return the message of an event of an incident."""
    names = incident.witnesses[:NAMED]
    more = len(incident.witnesses) - len(names)
    details = (
        *([f"{event.value}: {why}"] if why else []),
        *([f"the cause was there {incident.times} times"] if incident.times > 1 else []),
        *(f"seen: {name}" for name in names),
        *([f"and {more} more"] if more else []),
        f"`matinee incident show {incident.incident_id}`",
    )
    return Message(
        incident.incident_id,
        event,
        incident.sequence,
        incident.severity,
        str(incident.identity),
        incident.cause,
        incident.next_step,
        incident.link,
        incident.runbook,
        len(incident.witnesses),
        incident.opened_at,
        at,
        details,
    )


def deliveries(change: Change, at: datetime) -> list[Delivery]:
    """Return what is to be sent because of a change: a message for each route of the incident."""
    if change.event is None:
        return []
    told = message(change.incident, change.event, at, change.why)
    return [Delivery(route, told, "waiting", at, at) for route in change.incident.routes]
