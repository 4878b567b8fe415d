"""PagerDuty has one alert an incident, whatever is sent again."""

import json
from typing import Any

import pytest
from tests.support.messages import OPENED, connection, later
from tests.support.web import Answer, Request, web_server

from matinee.errors import SettingsError
from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError
from matinee.sinks.message import Event, Message
from matinee.sinks.pagerduty.channel import PagerDuty, open_pagerduty

KEY = "0123456789abcdef0123456789ABCDEF"
SEVERITIES = {"critical", "error", "warning", "info"}


def channel(url: str) -> PagerDuty:
    return open_pagerduty(connection(conn_type="pagerduty_events", host=url, password=KEY))


def take(request: Request) -> Answer:
    """Answer as Events API v2: what its documentation demands is checked."""
    event = json.loads(request.body)
    errors = [name for name in ("routing_key", "event_action") if not isinstance(event.get(name), str)]
    if event["event_action"] == "trigger":
        payload = event["payload"]
        errors += [name for name in ("summary", "source", "severity") if not isinstance(payload.get(name), str)]
        errors += ["severity"] * (payload["severity"] not in SEVERITIES)
        errors += ["summary"] * (len(payload["summary"]) > 1024)
        errors += ["links"] * (not all(link["href"] for link in event["links"]))
    elif event["event_action"] not in {"acknowledge", "resolve"} or not event.get("dedup_key"):
        errors += ["dedup_key"]
    is_known = (request.path, request.headers["Content-Type"]) == ("/v2/enqueue", "application/json")
    if errors or not is_known or event["routing_key"] != KEY:
        return Answer(400, json.dumps({"status": "invalid event", "errors": errors}))
    return Answer(202, json.dumps({"status": "success", "dedup_key": event["dedup_key"]}))


def sent(*messages: Message) -> list[dict[str, Any]]:
    with web_server(take) as server:
        assert [channel(server.url).send(message, None) for message in messages] == [None] * len(messages)
    return [json.loads(request.body) for request in server.requests]


def test_an_incident_is_one_alert() -> None:
    events = sent(
        OPENED,
        later(Event.CHANGED, 2),
        later(Event.REPEATED, 3),
        later(Event.ACKNOWLEDGED, 4),
        later(Event.RESOLVED, 5),
    )
    assert [event["event_action"] for event in events] == ["trigger"] * 3 + ["acknowledge", "resolve"]
    assert {event["dedup_key"] for event in events} == {"inc-7"}


def test_a_trigger_says_what_to_do() -> None:
    (event,) = sent(OPENED)
    assert event["payload"]["summary"] == "core.plays is late: No file of 2026-03-01 landed"
    assert event["payload"]["timestamp"] == "2026-03-02T03:00:00+00:00"
    details = event["payload"]["custom_details"]
    assert (details["next"], details["details"]) == ("Ask the producer", "landing/plays: 0 files")
    assert [link["text"] for link in event["links"]] == ["Incident", "Runbook"]


@pytest.mark.parametrize(("ours", "theirs"), [("page", "critical"), ("warning", "warning"), ("notice", "info")])
def test_severities_are_those_of_pagerduty(ours: str, theirs: str) -> None:
    (event,) = sent(later(Event.OPENED, 1, severity=ours))
    assert event["payload"]["severity"] == theirs


def test_a_long_cause_is_cut() -> None:
    (event,) = sent(later(Event.OPENED, 1, cause="x\n" * 5000, details=("y" * 5000,) * 5000, link=None, runbook=None))
    assert len(event["payload"]["summary"]) == 1024
    assert len(json.dumps(event)) < 100_000


def test_a_key_that_is_refused_is_told_and_not_shown() -> None:
    refused = Answer(400, json.dumps({"status": "invalid event", "errors": ["routing_key"]}))
    with web_server(lambda _: refused) as server, pytest.raises(ChannelRefusedError) as raised:
        channel(server.url).send(OPENED, None)
    assert "integration key" in raised.value.next_step
    assert "routing_key" in str(raised.value.facts["answer"])
    assert KEY not in f"{raised.value}{raised.value.facts}{channel(server.url)!r}"


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", "null"])
def test_an_answer_that_is_not_pagerdutys_is_no_success(body: str) -> None:
    with (
        web_server(lambda _: Answer(202, body)) as server,
        pytest.raises(ChannelUnavailableError, match="not PagerDuty's JSON"),
    ):
        channel(server.url).send(OPENED, None)


def test_a_status_that_is_no_success_is_refused() -> None:
    with (
        web_server(lambda _: Answer(202, '{"status": "invalid"}')) as server,
        pytest.raises(ChannelRefusedError, match="did not take the event"),
    ):
        channel(server.url).send(OPENED, None)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"conn_type": "slack"}, "has the type 'slack'"),
        ({}, "has no integration key"),
        ({"password": "short"}, "that is not 32 letters and digits"),
        ({"password": KEY, "host": "http://events.example.com"}, "would send secrets in the clear"),
    ],
)
def test_a_wrong_connection_is_told(fields: dict[str, str], what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        open_pagerduty(connection(**{"conn_type": "pagerduty"} | fields))


def test_a_key_may_stand_in_extra_as_in_airflow() -> None:
    ours = open_pagerduty(connection(conn_type="pagerduty", extra={"routing_key": KEY}))
    assert (ours.routing_key, ours.endpoint.url) == (KEY, "https://events.pagerduty.com/v2/enqueue")
