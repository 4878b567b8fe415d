"""Slack has one message an incident and a thread below it, whatever answer is lost."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.messages import OPENED, connection, later
from tests.support.slack import ROOM, TOKEN, Workspace, slack_server
from tests.support.web import Answer

from matinee.errors import SettingsError
from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError
from matinee.sinks.message import Event
from matinee.sinks.slack.channel import Slack, open_slack


@pytest.fixture
def slack() -> Iterator[Workspace]:
    with slack_server() as workspace:
        yield workspace


def channel(slack: Workspace, token: str = TOKEN, room: str = ROOM) -> Slack:
    return open_slack(connection(conn_type="slack", host=slack.url, password=token, extra={"channel": room}))


def texts(slack: Workspace) -> list[str]:
    return [message["text"].splitlines()[0] for message in slack.messages]


def test_an_incident_is_a_message_with_its_details_in_the_thread(slack: Workspace) -> None:
    told = channel(slack).send(OPENED, None)
    root, reply = slack.messages
    assert told == root["ts"] == reply["thread_ts"]
    assert root["text"].startswith(":red_circle: *[page] core.plays is late*\nOpened at 2026-03-02 03:00 UTC.")
    assert "*Next:* Ask the producer" in root["text"]
    assert reply["text"].endswith("landing/plays: 0 files")


def test_the_message_follows_the_incident(slack: Workspace) -> None:
    ours = channel(slack)
    told = ours.send(replace(OPENED, details=()), None)
    assert ours.send(later(Event.ACKNOWLEDGED, 2), told) == told
    assert ours.send(later(Event.RESOLVED, 3), told) == told
    assert texts(slack) == [
        ":large_green_circle: *[page] core.plays is late*",
        "Acknowledged at 2026-03-02 03:02 UTC. Seen 2 times since 2026-03-02 03:00 UTC.",
        "Resolved at 2026-03-02 03:03 UTC. Seen 3 times since 2026-03-02 03:00 UTC.",
    ]


def test_only_a_repeated_message_is_shown_in_the_channel_again(slack: Workspace) -> None:
    ours = channel(slack)
    told = ours.send(OPENED, None)
    ours.send(later(Event.REPEATED, 2), told)
    ours.send(later(Event.CHANGED, 3), told)
    assert [message.get("reply_broadcast") for message in slack.messages] == [None, False, True, False]


def test_a_message_whose_answer_is_lost_is_not_posted_again(slack: Workspace) -> None:
    ours = channel(slack)
    slack.messages += [{"ts": f"1772420400.00000{n}", "text": "of a person"} for n in range(1, 6)]
    slack.lost = ["chat.postMessage"]
    with pytest.raises(ChannelUnavailableError, match=r"127\.0\.0\.1 does not answer"):
        ours.send(OPENED, None)
    told = ours.send(OPENED, None)
    assert len(slack.messages) == 7
    assert told == slack.messages[5]["ts"]


def test_a_reply_whose_answer_is_lost_is_not_posted_again(slack: Workspace) -> None:
    ours = channel(slack)
    told = ours.send(OPENED, None)
    for sequence in (2, 3, 4):
        ours.send(later(Event.CHANGED, sequence), told)
    slack.lost = ["chat.postMessage"]
    with pytest.raises(ChannelUnavailableError):
        ours.send(later(Event.REPEATED, 5), told)
    ours.send(later(Event.REPEATED, 5), told)
    assert len(slack.messages) == 6


def test_each_message_is_told_once_however_often_it_is_sent(slack: Workspace) -> None:
    ours = channel(slack)
    for _ in range(3):
        ours.send(OPENED, None)
    assert len(slack.messages) == 2


def test_incidents_do_not_mix(slack: Workspace) -> None:
    ours = channel(slack)
    other = replace(OPENED, incident_id="inc-8")
    assert ours.send(OPENED, None) != ours.send(other, None)
    assert len(slack.messages) == 4


def test_a_message_that_a_person_removed_is_posted_again(slack: Workspace) -> None:
    ours = channel(slack)
    told = ours.send(OPENED, None)
    slack.messages.clear()
    ours.send(later(Event.CHANGED, 2), told)
    assert len(slack.messages) == 2


@pytest.mark.parametrize("code", ["edit_window_closed", "cant_update_message"])
def test_a_message_that_cannot_be_edited_gets_replies(slack: Workspace, code: str) -> None:
    ours = channel(slack)
    told = ours.send(OPENED, None)
    slack.answers["chat.update"] = Answer(body=json.dumps({"ok": False, "error": code}))
    assert ours.send(later(Event.RESOLVED, 2), told) == told
    assert texts(slack)[-1].startswith("Resolved at")


def test_a_text_calls_nobody(slack: Workspace) -> None:
    channel(slack).send(replace(OPENED, title="<!channel> & <@U1>", details=("<!here>",)), None)
    root, reply = slack.messages
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in root["text"]
    assert reply["text"].endswith("&lt;!here&gt;")


def test_long_texts_are_cut(slack: Workspace) -> None:
    channel(slack).send(replace(OPENED, cause="x" * 9999, title="y" * 999, details=("z" * 5000,) * 99), None)
    assert all(len(message["text"]) < 4000 for message in slack.messages)


LATER: list[tuple[Answer, str, float | None]] = [
    (Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "30"}), "answers ratelimited", 30),
    (Answer(503, "<html>", {"Retry-After": "5"}), "answers 503", 5),
    (Answer(200, '{"ok": false, "error": "internal_error"}'), "answers internal_error", None),
    (Answer(200, "<html>"), "answers 200 with what is not Slack's JSON", None),
    (Answer(200, "[]"), "answers 200 with what is not Slack's JSON", None),
    (Answer(200, "[1]"), "does not answer", None),
    (Answer(200, '{"ok": true}'), "does not answer", None),
    (Answer(is_silent=True), "does not answer", None),
    (Answer(is_lost=True), "does not answer", None),
]


@pytest.mark.parametrize(("answer", "what", "retry_after_s"), LATER, ids=[f"{a.status} {a.body}" for a, *_ in LATER])
def test_a_call_may_succeed_later(
    slack: Workspace, answer: Answer, what: str, retry_after_s: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    slack.answers["conversations.history"] = answer
    with caplog.at_level(logging.DEBUG), pytest.raises(ChannelUnavailableError, match=what) as raised:
        channel(slack).send(OPENED, None)
    assert raised.value.facts["retry_after_s"] == retry_after_s
    assert slack.calls == ["conversations.history"]
    assert TOKEN not in f"{raised.value}{raised.value.facts}{caplog.text}"


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        ("token_revoked", "Create a new bot token"),
        ("missing_scope", "Give the app the scopes chat:write"),
        ("not_in_channel", "Invite the app"),
        ("is_archived", "Name a channel that is not archived"),
        ("msg_too_long", "Look the code up"),
    ],
)
def test_slack_says_why_it_refuses(slack: Workspace, code: str, next_step: str) -> None:
    slack.answers["chat.postMessage"] = Answer(body=json.dumps({"ok": False, "error": code}))
    with pytest.raises(ChannelRefusedError, match=f"Slack refuses the message for {ROOM}: {code}") as raised:
        channel(slack).send(OPENED, None)
    assert raised.value.next_step.startswith(next_step)


def test_a_wrong_token_and_a_wrong_channel_are_refused(slack: Workspace) -> None:
    with pytest.raises(ChannelRefusedError, match="invalid_auth"):
        channel(slack, token="xoxb-wrong").send(OPENED, None)
    with pytest.raises(ChannelRefusedError, match="channel_not_found"):
        channel(slack, room="C9").send(OPENED, None)


def test_this_machine_is_reached_past_proxies(slack: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert channel(slack).send(OPENED, None)


def test_a_channel_shows_no_token(slack: Workspace) -> None:
    assert TOKEN not in repr(channel(slack))


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"conn_type": "slackwebhook"}, "has the type 'slackwebhook'"),
        ({"password": ""}, "has no token"),
        ({"password": "xoxp-1"}, "has a token that is not a bot's"),
        ({"extra": {}}, "has no 'channel' in its extra"),
        ({"extra": {"channel": "#ops"}}, "that is no channel's id"),
        ({"host": "http://slack.example.com"}, "would send secrets in the clear"),
    ],
)
def test_a_wrong_connection_is_told(fields: dict[str, Any], what: str) -> None:
    given = {"conn_type": "slack", "password": TOKEN, "extra": {"channel": ROOM}} | fields
    with pytest.raises(SettingsError, match=what):
        open_slack(connection(**given))
