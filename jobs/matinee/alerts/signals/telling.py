"""Channels: which of them take no messages."""

from collections.abc import Iterator

from matinee.alerts.journal.records import Delivery
from matinee.alerts.journal.store import Entries
from matinee.alerts.journal.tables import DELIVERIES
from matinee.alerts.model import Identity, Signal
from matinee.alerts.rules.model import Route

#: A channel whose message has failed so many times is told of by the others.
TRIES = 3


def of_channels(entries: Entries) -> Iterator[Signal]:
    """Yield the channels that refuse messages, or have taken none after several tries."""
    failing: dict[Route, Delivery] = {}
    for delivery in entries.all(DELIVERIES, state="waiting"):
        if delivery.error.startswith("ChannelRefused") or delivery.tries >= TRIES:
            failing.setdefault(delivery.route, delivery)
    for route, delivery in sorted(failing.items(), key=lambda item: str(item[0])):
        what = "refuses" if delivery.error.startswith("ChannelRefused") else "unavailable"
        yield Signal(
            "source",
            f"look at channel {route}",
            Identity(what, f"channel {route}"),
            f"{route} has taken no message since {delivery.message.at:%Y-%m-%d %H:%MZ}: {delivery.error}",
            f"`matinee alerts test-channel {route}`; what waits is sent once the channel takes it.",
            since=delivery.message.at,
        )
