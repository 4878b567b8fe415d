"""A server that keeps messages as Slack's Web API does, and checks what its documentation demands."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.web import Answer, Request, web_server

TOKEN, ROOM = "xoxb-1-2", "C0123456789"


@dataclass
class Workspace:
    """One channel.

    Attributes:
        messages: those of the channel and of its threads, in their order.
        calls: the methods in the order of the calls.
        answers: what is answered to the next call of a method, in place of its result.
        lost: methods whose next call does its work and gets no answer.
        page: how many messages a page has.
    """

    url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    page: int = 2

    def answer(self, request: Request) -> Answer:
        """Answer a call."""
        method = urlsplit(request.path).path.removeprefix("/api/")
        self.calls.append(method)
        if method in self.answers:
            return self.answers.pop(method)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error("invalid_auth")
        does = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
        }
        given = _arguments(request)
        if given.get("channel") != ROOM:
            return _error("channel_not_found")
        said = does[method](given)
        if method in self.lost:
            self.lost.remove(method)
            return Answer(is_lost=True)
        return said

    def _post(self, given: dict[str, Any]) -> Answer:
        assert given["text"]
        assert set(given["metadata"]) == {"event_type", "event_payload"}
        if given.get("thread_ts") and not self._named(given["thread_ts"]):
            return _error("thread_not_found")
        # Slack's clock starts with the incident.
        message = given | {"ts": f"{1772420400 + len(self.messages)}.000100"}
        self.messages.append(message)
        return Answer(body=json.dumps({"ok": True, "channel": ROOM, "ts": message["ts"]}))

    def _update(self, given: dict[str, Any]) -> Answer:
        if not (kept := self._named(given["ts"])):
            return _error("message_not_found")
        kept.update(text=given["text"], metadata=given["metadata"])
        return Answer(body=json.dumps({"ok": True, "ts": kept["ts"]}))

    def _history(self, given: dict[str, Any]) -> Answer:
        shown = [m for m in self.messages if not m.get("thread_ts") or m.get("reply_broadcast")]
        return self._paged(shown[::-1], given)

    def _replies(self, given: dict[str, Any]) -> Answer:
        if not self._named(given["ts"]):
            return _error("thread_not_found")
        return self._paged([m for m in self.messages if given["ts"] in (m["ts"], m.get("thread_ts"))], given)

    def _paged(self, shown: list[dict[str, Any]], given: dict[str, Any]) -> Answer:
        newer = [m for m in shown if float(m["ts"]) > float(given["oldest"])]
        if given.get("include_all_metadata") != "1":
            newer = [{name: m[name] for name in m if name != "metadata"} for m in newer]
        start = int(given.get("cursor") or 0)
        end = start + min(self.page, int(given["limit"]))
        cursor = str(end) if end < len(newer) else ""
        body = {"ok": True, "messages": newer[start:end], "response_metadata": {"next_cursor": cursor}}
        return Answer(body=json.dumps(body))

    def _named(self, ts: str) -> dict[str, Any] | None:
        return next((m for m in self.messages if m["ts"] == ts), None)


def _arguments(request: Request) -> dict[str, Any]:
    if request.headers["Content-Type"].startswith("application/json"):
        given: dict[str, Any] = json.loads(request.body)
        return given
    form = request.body.decode() or urlsplit(request.path).query
    return {name: values[0] for name, values in parse_qs(form).items()}


def _error(code: str) -> Answer:
    return Answer(body=json.dumps({"ok": False, "error": code}))


@contextmanager
def slack_server() -> Iterator[Workspace]:
    """Run a workspace for the length of a block."""
    workspace = Workspace()
    with web_server(workspace.answer) as server:
        workspace.url = f"{server.url}/api"
        yield workspace
