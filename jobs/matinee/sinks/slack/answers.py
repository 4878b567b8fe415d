"""What Slack's answers are among a channel's errors."""

import re
from collections.abc import Mapping

from slack_sdk.web import SlackResponse

from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError
from matinee.sinks.posts import retry_after_s, unavailable

_LATER = frozenset(
    {"fatal_error", "internal_error", "ratelimited", "rate_limited", "request_timeout", "service_unavailable"}
)
_CODE = re.compile(r"[a-z0-9_]+")
_RENEW = "Create a new bot token in the app's settings and give it as the connection's password."
_NEXT_STEPS: Mapping[str, str] = {
    **dict.fromkeys(("invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive"), _RENEW),
    "missing_scope": "Give the app the scopes chat:write and channels:history (groups:history for a private channel).",
    "channel_not_found": "Check the channel's id in the connection, and invite the app: /invite @the-app.",
    "not_in_channel": "Invite the app to the channel: /invite @the-app.",
    "is_archived": "Name a channel that is not archived in the connection.",
}


def of_answer(host: str, room: str, answer: SlackResponse) -> ChannelUnavailableError | ChannelRefusedError:
    """Return the error of an answer that is not `ok`."""
    told = answer.data if isinstance(answer.data, dict) else {}
    code = str(told.get("error", ""))
    if answer.status_code == 429 or answer.status_code >= 500 or code in _LATER:
        what = code if _CODE.fullmatch(code) else str(answer.status_code)
        return unavailable(host, f"answers {what}", retry_after_s(answer.headers))
    if not _CODE.fullmatch(code):  # Another program may answer at this address.
        return unavailable(host, f"answers {answer.status_code} with what is not Slack's JSON", None)
    return ChannelRefusedError(
        f"Slack refuses the message for {room}: {code}.",
        next_step=_NEXT_STEPS.get(code, "Look the code up in Slack's documentation of chat.postMessage."),
        facts={"host": host, "channel": room, "code": code, "needed": told.get("needed")},
    )
