"""Messages by Slack's Web API.

A call whose answer is lost may have reached Slack. So each message carries metadata, and before a message is sent, the
channel looks for its metadata in Slack.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse, WebClient

from matinee.sinks.connections import Connection
from matinee.sinks.endpoints import endpoint_of
from matinee.sinks.message import Event, Message
from matinee.sinks.posts import silent
from matinee.sinks.slack.answers import of_answer
from matinee.sinks.slack.direct import client_of
from matinee.sinks.slack.texts import reply, summary

_KINDS = frozenset({"slack"})
_ADDRESS = "https://slack.com/api"
_EVENT_TYPE = "matinee_incident"
#: How much earlier than by our clock Slack may have dated a message.
_SKEW = timedelta(hours=1)
_PAGE = 200
#: A person removed the message; or the workspace forbids edits of old messages.
_GONE, _FIXED = {"message_not_found"}, {"edit_window_closed", "cant_update_message"}


@dataclass(frozen=True)
class Slack:
    """Tells messages in one channel of Slack.

    Attributes:
        client: of Slack's Web API.
        room: the channel's id.
        host: what errors name.
    """

    client: WebClient
    room: str
    host: str

    def send(self, message: Message, told: str | None) -> str | None:
        """Post or update the message of the incident, and add to its thread; return the id of the message."""
        with self._errors():
            root = told or self._sent(self.client.conversations_history, "incident_id", message, message.opened_at)
            if root is None or not self._updated(root, message):
                root = self._post(message, summary(message))
            if message.event is not Event.OPENED or message.details:
                self._add(root, message)
        return root

    def _updated(self, root: str, message: Message) -> bool:
        """Update the incident's message; False where a person removed it."""
        try:
            self.client.chat_update(
                channel=self.room, ts=root, text=summary(message), metadata=_metadata(message, is_root=True)
            )
        except SlackApiError as error:
            code = error.response.get("error")
            if code in _GONE:
                return False
            if code not in _FIXED:
                raise
        return True

    def _add(self, root: str, message: Message) -> None:
        def thread(**arguments: Any) -> SlackResponse:  # noqa: ANN401 - the library's own
            return self.client.conversations_replies(ts=root, **arguments)

        if self._sent(thread, "key", message, message.at) is None:
            # A repeated message must be seen by those who do not look into the thread.
            self._post(message, reply(message), thread_ts=root, reply_broadcast=message.event is Event.REPEATED)

    def _post(self, message: Message, text: str, **options: Any) -> str:  # noqa: ANN401 - the library's own
        metadata = _metadata(message, is_root="thread_ts" not in options)
        answer = self.client.chat_postMessage(
            channel=self.room, text=text, metadata=metadata, unfurl_links=False, unfurl_media=False, **options
        )
        return str(answer["ts"])

    def _sent(self, look: Callable[..., SlackResponse], name: str, message: Message, since: datetime) -> str | None:
        """Return the id of what was sent before: the newest whose metadata are those of the message."""
        cursor = ""
        while True:
            answer = look(
                channel=self.room,
                oldest=f"{(since - _SKEW).timestamp():.6f}",
                limit=_PAGE,
                include_all_metadata=True,
                **({"cursor": cursor} if cursor else {}),
            )
            for sent in answer["messages"]:
                payload = (sent.get("metadata") or {}).get("event_payload", {})
                if payload.get(name) == getattr(message, name):
                    return str(sent["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SlackApiError as error:
            raise of_answer(self.host, self.room, error.response) from None
        # An answer that is JSON and no object, or that has no messages.
        except (SlackClientError, HTTPException, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise silent(self.host, error) from error


def _metadata(message: Message, *, is_root: bool) -> dict[str, Any]:
    payload = {"incident_id": message.incident_id} if is_root else {"key": message.key}
    return {"event_type": _EVENT_TYPE, "event_payload": payload}


def open_slack(connection: Connection) -> Slack:
    """Return the channel of a connection: the password is the bot's token, `channel` in `extra` the channel's id.

    Raises:
        SettingsError: the connection is not one of Slack's.
    """
    connection.must_be(_KINDS)
    if not connection.password.startswith("xoxb-"):
        what = "has a token that is not a bot's" if connection.password else "has no token"
        raise connection.wrong(what, "Give the app's Bot User OAuth Token (xoxb-…) as the password")
    room = connection.text("channel", "C0123456789")
    if not (room[0] in "CG" and room.isalnum() and room.isupper()):
        raise connection.wrong(
            "has a 'channel' in its extra that is no channel's id",
            "Give the id (C…) that Slack shows at the end of the channel's details, not the name",
        )
    endpoint = endpoint_of(connection, _ADDRESS)
    return Slack(client_of(endpoint, connection.password), room, endpoint.host)
