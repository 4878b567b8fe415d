"""The journal's tables: all have one shape, a record as JSON with what it is looked up by."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import JSON, Column, MetaData, String, Table

from matinee.alerts.incidents import Incident
from matinee.alerts.journal.records import Delivery, LookNote, Note, Span, Window

T = TypeVar("T")
_adapter: Any = cache(TypeAdapter)
METADATA = MetaData()
#: The journal's lease: who evaluates and sends.
LEASE = Table(
    "alerts_lease",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("until", String(40), nullable=False),
)


@dataclass(frozen=True)
class Shelf(Generic[T]):
    """A table of the journal: `id` names a record, `at` is when it was last written, `owner` what it belongs to."""

    name: str
    kind: type[T]
    table: Table

    def row(self, record: T) -> dict[str, Any]:
        """Return the row of a record."""
        return {**_keys(record), "body": _adapter(self.kind).dump_python(record, mode="json")}

    def value(self, body: object) -> T:
        """Return the record of a row's body."""
        read: T = _adapter(self.kind).validate_python(body)
        return read


def instant(moment: datetime) -> str:
    """Return an instant as a text that sorts by time."""
    return moment.isoformat(timespec="microseconds")


def _shelf(name: str, kind: type[T]) -> Shelf[T]:
    texts = (Column(column, String(400), nullable=False, index=True) for column in ("at", "state", "owner"))
    key, body = Column("id", String(400), primary_key=True), Column("body", JSON, nullable=False)
    return Shelf(name, kind, Table(f"alerts_{name}", METADATA, key, *texts, body))


def _keys(record: Any) -> dict[str, str]:  # noqa: ANN401 - one of the records below
    match record:
        case Span():
            state, at = ("over", record.gone_at) if record.gone_at else ("seen", record.first_seen)
            keys = (record.span_id, at, state, record.signal.witness[:400])
        case Incident():
            lingers = record.ended_by and record.gone_since is None
            state = "lingering" if lingers else record.state  # A person has ended it, and its cause is still shown.
            keys = (record.incident_id, record.changed_at, state, record.identity.subject[:400])
        case Note():
            keys = (record.note_id, record.at, record.event, record.incident_id)
        case Delivery():
            keys = (record.delivery_id, record.changed_at, record.state, str(record.route))
        case Window():
            keys = (record.window_id, record.changed_at, "", "")
        case LookNote():
            keys = (instant(record.at), record.at, "", record.holder)
        case _:
            raise TypeError(type(record))
    name, at, state, owner = keys
    return {"id": name, "at": instant(at), "state": state, "owner": owner}


SPANS = _shelf("signals", Span)
INCIDENTS = _shelf("incidents", Incident)
NOTES = _shelf("incident_events", Note)
DELIVERIES = _shelf("deliveries", Delivery)
WINDOWS = _shelf("windows", Window)
LOOKS = _shelf("looks", LookNote)
SHELVES: tuple[Shelf[Any], ...] = (SPANS, INCIDENTS, NOTES, DELIVERIES, WINDOWS, LOOKS)
