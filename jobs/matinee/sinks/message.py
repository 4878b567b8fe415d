"""What a person is told of an incident, and what tells it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Event(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    CHANGED = "changed"
    REPEATED = "repeated"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Message:
    """What a person is told of an incident at one time; its texts are masked already.

    Attributes:
        incident_id: which incident.
        event: what happened to the incident.
        sequence: rises by one for each message of an incident.
        severity: `page`, `warning` or `notice`.
        title: what is wrong, in a few words.
        cause: why, in one line.
        next_step: what the reader does now.
        link: the page of the incident.
        runbook: the page of the runbook's section.
        count: how often the incident's cause was seen.
        opened_at: when the incident was opened.
        at: the time of which the message tells.
        details: lines for the reader who wants to know more.
    """

    incident_id: str
    event: Event
    sequence: int
    severity: str
    title: str
    cause: str
    next_step: str
    link: str | None
    runbook: str | None
    count: int
    opened_at: datetime
    at: datetime
    details: tuple[str, ...]

    @property
    def key(self) -> str:
        """The idempotency key: the same for each try to send the message."""
        return f"{self.incident_id}-{self.sequence}"


class Channel(Protocol):
    """What tells messages to people."""

    def send(self, message: Message, told: str | None) -> str | None:
        """Tell a message; a message that is sent again is told once, as far as the channel can know.

        Args:
            message: of the incident, in the order of `sequence`.
            told: what the channel returned for the incident's last message; None for the first message, and where the
                answer was lost.

        Returns:
            What the channel needs for the incident's next message.

        Raises:
            ChannelUnavailableError: the channel may take the message later.
            ChannelRefusedError: the channel does not take the message until a person changes something.
        """
        ...
