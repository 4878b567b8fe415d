"""Events for PagerDuty: one alert an incident, by the incident's id as the key against duplicates."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from matinee.sinks.connections import Connection
from matinee.sinks.endpoints import Endpoint, endpoint_of
from matinee.sinks.errors import ChannelRefusedError
from matinee.sinks.message import Event, Message
from matinee.sinks.posts import posted, unavailable
from matinee.sinks.texts import facts, one_line, state

_KINDS = frozenset({"pagerduty", "pagerduty_events"})
_ADDRESS, _PATH = "https://events.pagerduty.com", "/v2/enqueue"
_ROUTING_KEY = re.compile(r"[0-9A-Za-z]{32}")
_ACTIONS = {Event.ACKNOWLEDGED: "acknowledge", Event.RESOLVED: "resolve"}
_SEVERITIES = {"page": "critical", "warning": "warning", "notice": "info"}
#: PagerDuty's own limit of a summary, and a number of details that stays far below its limit of an event.
_LONGEST_SUMMARY, _MOST_DETAILS = 1024, 100
_REFUSED = "Check the integration key (Events API v2) of the service in PagerDuty, then the connection's password."


@dataclass(frozen=True)
class PagerDuty:
    """Sends messages to one service of PagerDuty."""

    endpoint: Endpoint
    routing_key: str = field(repr=False)

    def send(self, message: Message, told: str | None) -> str | None:
        """Trigger, acknowledge or resolve the alert of the incident; PagerDuty takes each as often as it is sent."""
        content = json.dumps({"routing_key": self.routing_key, **_event(message)}).encode()
        answer = posted(self.endpoint, content, {"Content-Type": "application/json"}, _REFUSED)
        try:
            status = answer.json()["status"]
        except (ValueError, KeyError, TypeError):  # Another program may answer at this address.
            raise unavailable(self.endpoint.host, "answers with what is not PagerDuty's JSON", None) from None
        if status != "success":
            facts = {"host": self.endpoint.host, "status": str(status)[:200]}
            raise ChannelRefusedError("PagerDuty did not take the event.", next_step=_REFUSED, facts=facts)
        return None


def _event(message: Message) -> dict[str, Any]:
    action = _ACTIONS.get(message.event, "trigger")
    event: dict[str, Any] = {"event_action": action, "dedup_key": message.incident_id}
    if action != "trigger":
        return event
    details = {name.lower(): value for name, value in facts(message)} | {"state": state(message)}
    if message.details:
        details["details"] = "\n".join(one_line(line, 900) for line in message.details[:_MOST_DETAILS])
    pages = [("Incident", message.link), ("Runbook", message.runbook)]
    return event | {
        "client": "Matinee",
        "links": [{"href": href, "text": text} for text, href in pages if href],
        "payload": {
            "summary": one_line(f"{message.title}: {message.cause}", _LONGEST_SUMMARY),
            "source": "matinee",
            "severity": _SEVERITIES[message.severity],
            "timestamp": message.at.isoformat(),
            "custom_details": details,
        },
    }


def open_pagerduty(connection: Connection) -> PagerDuty:
    """Return the channel of a connection: the password is the integration key; a host only for the EU's region.

    Raises:
        SettingsError: the connection is not one of PagerDuty's.
    """
    connection.must_be(_KINDS)
    key = connection.password or str(connection.extra.get("routing_key") or "")
    if not _ROUTING_KEY.fullmatch(key):
        what = "has no integration key" if not key else "has an integration key that is not 32 letters and digits"
        raise connection.wrong(what, "Give the key of an integration 'Events API v2' as the password")
    endpoint = endpoint_of(connection, _ADDRESS)
    return PagerDuty(Endpoint(endpoint.url + _PATH, endpoint.host, endpoint.timeout_s, endpoint.tls), key)
