"""A webhook is signed, and its receiver can know a message that comes again."""

import hashlib
import hmac
import json

import pytest
from tests.support.messages import OPENED, connection
from tests.support.web import Answer, Request, web_server

from matinee.errors import SettingsError
from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError
from matinee.sinks.webhook.channel import Webhook, open_webhook

SECRET = "0123456789abcdef"


def webhook(url: str, at: float = 1772420400.9) -> Webhook:
    return open_webhook(connection(conn_type="http", host=f"{url}/hook", password=SECRET), lambda: at)


def receive(request: Request) -> Answer:
    """Answer as a receiver that trusts nothing."""
    signed = request.headers["Matinee-Timestamp"].encode() + b"." + request.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    is_ours = hmac.compare_digest(request.headers["Matinee-Signature"], f"sha256={expected}")
    return Answer(204 if is_ours and request.headers["Content-Type"] == "application/json" else 401, body="")


def test_a_receiver_can_verify_a_message() -> None:
    with web_server(receive) as server:
        assert webhook(server.url).send(OPENED, None) is None
    (request,) = server.requests
    assert (request.path, request.headers["Matinee-Timestamp"]) == ("/hook", "1772420400")
    assert request.headers["Idempotency-Key"] == "inc-7-1"
    told = json.loads(request.body)
    assert (told["event"], told["sequence"], told["at"]) == ("opened", 1, "2026-03-02T03:00:00+00:00")
    assert told["details"] == ["landing/plays: 0 files"]


def test_a_message_that_is_sent_again_differs_in_its_time_only() -> None:
    answers = [Answer(503), Answer()]
    with web_server(lambda _: answers.pop(0)) as server:
        with pytest.raises(ChannelUnavailableError):
            webhook(server.url).send(OPENED, None)
        webhook(server.url, at=1772420500).send(OPENED, None)
    first, second = server.requests
    assert first.body == second.body
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert second.headers["Matinee-Timestamp"] == "1772420500"


def test_a_receiver_that_refuses_is_told_of() -> None:
    with web_server(lambda _: Answer(401)) as server, pytest.raises(ChannelRefusedError) as raised:
        webhook(server.url).send(OPENED, None)
    assert "secret of the webhook's connection" in raised.value.next_step
    assert SECRET not in f"{raised.value}{raised.value.facts}{webhook(server.url)!r}"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"conn_type": "slack"}, "has the type 'slack'"),
        ({}, "has no host"),
        ({"host": "example.com", "conn_type": "https"}, "has no secret that signs: it is missing"),
        ({"host": "example.com", "conn_type": "https", "password": "short"}, "it is too short"),
    ],
)
def test_a_wrong_connection_is_told(fields: dict[str, str], what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        open_webhook(connection(**{"conn_type": "http"} | fields), lambda: 0)
