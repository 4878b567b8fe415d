"""Delivery: messages wait in the journal until their channel has them; a thread for each channel sends them.

A message is sent at least once: where the answer of a channel is lost, the message is sent again with the same key. A
channel that is down or refuses delays its messages, and no others.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread, current_thread
from time import monotonic

from matinee.alerts.journal.records import Delivery
from matinee.alerts.journal.store import Entries, Journal
from matinee.alerts.journal.tables import DELIVERIES
from matinee.alerts.rules.model import Route
from matinee.errors import JournalUnavailableError, MatineeError
from matinee.foreign import translated
from matinee.sinks.errors import ChannelRefusedError
from matinee.sinks.message import Channel, Event

log = logging.getLogger(__name__)
OpenChannel = Callable[[str, str], Channel]
Clock = Callable[[], datetime]
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=15)
#: A thread that has been sending one message for so long hangs: another takes its place.
HANGS_S = 120.0
#: Messages of an incident are not sent any more when the message of its end has waited for so long.
TOO_LATE = timedelta(days=7)


class Sender:
    """Sends what waits in the journal."""

    def __init__(self, open_channel: OpenChannel, clock: Clock) -> None:
        self._open, self._clock = open_channel, clock
        self._threads: dict[Route, tuple[Thread, float]] = {}

    def start(self, journal: Journal) -> None:
        """Send what is due, a thread for each channel; return at once."""
        with journal.begin() as entries:
            waiting = entries.all(DELIVERIES, state="waiting")
        for route in sorted({each.route for each in due(waiting, self._clock())}, key=str):
            thread, since = self._threads.get(route, (None, 0.0))
            if thread is None or not thread.is_alive() or monotonic() - since > HANGS_S:
                fresh = Thread(target=self._drain, args=(journal, route), daemon=True, name=f"to {route}")
                self._threads[route] = fresh, monotonic()
                fresh.start()

    def wait(self, seconds: float) -> None:
        """Wait until all threads have ended, or the time is over."""
        until = monotonic() + seconds
        for thread, _ in self._threads.values():
            thread.join(max(until - monotonic(), 0))

    def hanging(self) -> list[Route]:
        """Return the channels whose thread has been sending one message for long."""
        now = monotonic()
        return [
            route for route, (thread, since) in self._threads.items() if thread.is_alive() and now - since > HANGS_S / 2
        ]

    def _drain(self, journal: Journal, route: Route) -> None:
        try:
            while self._threads[route][0] is current_thread():  # Else another thread has taken its place.
                self._threads[route] = current_thread(), monotonic()
                with journal.begin() as entries:
                    waiting = entries.all(DELIVERIES, state="waiting", owner=str(route))
                    todo = due(waiting, self._clock())
                    told = last_told(entries, todo[0]) if todo else None
                if not todo:
                    return
                sent = self._tried(todo[0], told, ended_at(waiting, todo[0]))
                with journal.begin() as entries:
                    entries.put(DELIVERIES, sent)
        except JournalUnavailableError as error:  # What was sent is sent again: the journal does not know of it.
            log.warning("What %s was told is not recorded: %s", route, error)

    def _tried(self, delivery: Delivery, told: str | None, ended: datetime | None) -> Delivery:
        """Return a delivery after a try."""
        try:
            returned = self._open(delivery.route.channel, delivery.route.connection).send(delivery.message, told)
        except Exception as error:  # noqa: BLE001 - whatever a channel raises, the message waits
            return failed(delivery, translated(error), self._clock(), ended)
        at = self._clock()
        return replace(delivery, state="sent", told=returned or told, tries=delivery.tries + 1, changed_at=at, error="")


def due(waiting: list[Delivery], at: datetime) -> list[Delivery]:
    """Return the messages to send now: of each incident and channel the earliest that waits, once its time has come."""
    first: dict[tuple[Route, str], Delivery] = {}
    for delivery in sorted(waiting, key=lambda each: each.message.sequence):
        first.setdefault((delivery.route, delivery.message.incident_id), delivery)
    ready = [delivery for delivery in first.values() if delivery.next_at <= at]
    return sorted(ready, key=lambda each: (each.message.at, each.delivery_id))


def last_told(entries: Entries, delivery: Delivery) -> str | None:
    """Return what the channel of a delivery returned for the last message of the same incident."""
    of_incident = f"{delivery.message.incident_id}-"
    sent = entries.all(DELIVERIES, state="sent", owner=str(delivery.route), prefix=of_incident)
    return max(sent, key=lambda each: each.message.sequence).told if sent else None


def ended_at(waiting: list[Delivery], delivery: Delivery) -> datetime | None:
    """Return when the incident of a delivery ended, where that is still to be told after the delivery, or by it."""
    ends = [
        each.message
        for each in waiting
        if (each.route, each.message.incident_id) == (delivery.route, delivery.message.incident_id)
        and each.message.event is Event.RESOLVED
        and each.message.sequence >= delivery.message.sequence
    ]
    return min((end.at for end in ends), default=None)


def failed(delivery: Delivery, error: MatineeError, at: datetime, ended: datetime | None) -> Delivery:
    """Return a delivery after a try that failed: it waits longer each time, and as long as the channel asks for.

    Args:
        delivery: what was tried.
        error: why the try failed.
        at: when.
        ended: when the incident ended, if it has.
    """
    pause = min(FIRST_PAUSE * 2 ** min(delivery.tries, 10), LONGEST_PAUSE)
    if isinstance(error, ChannelRefusedError):  # A person has to act first.
        pause = LONGEST_PAUSE
    asked = error.facts.get("retry_after_s")
    if isinstance(asked, int | float):
        pause = max(pause, timedelta(seconds=asked))
    words = f"{type(error).__name__}: {error.message}"
    is_late = ended is not None and at - ended > TOO_LATE
    state = "superseded" if is_late else delivery.state
    return replace(
        delivery, state=state, tries=delivery.tries + 1, next_at=at + pause, error=words[:500], changed_at=at
    )
