"""How a message reads in Slack's own markup."""

from matinee.sinks.message import Event, Message
from matinee.sinks.texts import facts, heading, one_line, state

_MARKS = {"page": ":red_circle:", "warning": ":large_orange_circle:", "notice": ":large_blue_circle:"}
_MARKS_OF_EVENTS = {Event.ACKNOWLEDGED: ":eyes:", Event.RESOLVED: ":large_green_circle:"}
#: Slack cuts what is longer.
_LONGEST = 3800


def summary(message: Message) -> str:
    """Return the text of the incident's own message."""
    mark = _MARKS_OF_EVENTS.get(message.event) or _MARKS[message.severity]
    named = [f"*{name}:* {escaped(value)}" for name, value in facts(message)]
    lines = [f"{mark} *{escaped(heading(message))}*", escaped(state(message)), *named]
    return "\n".join(one_line(line, 1200) for line in lines)[:_LONGEST]


def reply(message: Message) -> str:
    """Return the text of the message's place in the thread: what happened, and the details."""
    return "\n".join([state(message), *(escaped(one_line(line, 900)) for line in message.details)])[:_LONGEST]


def escaped(text: str) -> str:
    """Return a text without Slack's own marks: nobody is called by what a log says."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
