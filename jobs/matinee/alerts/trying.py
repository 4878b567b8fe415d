"""Trying a channel: a message that says so is opened and resolved."""

from datetime import datetime
from pathlib import Path

from matinee.alerts.delivery import OpenChannel
from matinee.alerts.rules.model import Route
from matinee.sinks.message import Event, Message


def try_channel(open_channel: OpenChannel, route: Route, home: Path, who: str, at: datetime) -> None:
    """Tell a channel of an incident that is none, and of its end.

    Raises:
        ChannelUnavailableError, ChannelRefusedError: the channel does not take the messages.
        SettingsError: its connection is missing or wrong.
    """
    channel = open_channel(route.channel, route.connection)
    told: str | None = None
    for sequence, event in enumerate((Event.OPENED, Event.RESOLVED), 1):
        told = channel.send(_message(event, sequence, home, who, at), told) or told


def _message(event: Event, sequence: int, home: Path, who: str, at: datetime) -> Message:
    return Message(
        incident_id=f"test-{at:%Y%m%d-%H%M%S}",
        event=event,
        sequence=sequence,
        severity="notice",
        title="a test of this channel",
        cause=f"{who} has called `matinee alerts test-channel` for the lake in {home}.",
        next_step="Nothing is to be done.",
        link=None,
        runbook=None,
        count=1,
        opened_at=at,
        at=at,
        details=(),
    )
