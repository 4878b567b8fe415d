"""Messages and connections for tests of channels."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from matinee.sinks.connections import Connection, parsed
from matinee.sinks.message import Event, Message

OPENED = Message(
    incident_id="inc-7",
    event=Event.OPENED,
    sequence=1,
    severity="page",
    title="core.plays is late",
    cause="No file of 2026-03-01 landed",
    next_step="Ask the producer",
    link="http://127.0.0.1:8080/matinee/incidents/inc-7",
    runbook="https://example.com/runbooks#late",
    count=1,
    opened_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC),
    at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC),
    details=("landing/plays: 0 files",),
)


def later(event: Event, sequence: int, **changes: Any) -> Message:  # noqa: ANN401 - fields of several types
    """Return a later message of the same incident."""
    at = OPENED.at.replace(minute=sequence)
    return replace(OPENED, event=event, sequence=sequence, **({"at": at, "count": sequence} | changes))


def connection(**fields: Any) -> Connection:  # noqa: ANN401 - as JSON has them
    """Return a connection of fields as Airflow's JSON has them, with a short time-out."""
    extra = {"timeout": 0.3} | fields.pop("extra", {})
    return parsed("alerts", "AIRFLOW_CONN_ALERTS", {**fields, "extra": extra})
