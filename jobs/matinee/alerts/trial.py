"""A trial of a channel: a message of an incident that is none, and its end."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from matinee.sinks.message import Channel, Event, Message


def trial(channel: Channel, home: Path, who: str, at: datetime) -> None:
    """Send a message and its end.

    Raises:
        ChannelUnavailableError: the channel does not answer, or asks to wait.
        ChannelRefusedError: the channel refuses the message.
    """
    opened = Message(
        incident_id=f"trial-{at:%Y%m%d-%H%M%S}",
        event=Event.OPENED,
        sequence=1,
        severity="notice",
        title="A trial of this channel",
        cause=f"{who} tries whether messages of the lake in {home} arrive here.",
        next_step="Nothing is to be done.",
        link=None,
        runbook=None,
        count=1,
        opened_at=at,
        at=at,
        details=(),
    )
    told = channel.send(opened, None)
    channel.send(replace(opened, event=Event.RESOLVED, sequence=2), told)
