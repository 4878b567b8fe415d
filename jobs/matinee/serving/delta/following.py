"""Following the topic: a thread reads its records, adds them to the delta, and says how far behind the delta is.

Whatever fails, the thread tries again: answers go on from what is there, and say since when they miss events.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread

from matinee.contracts.registry import Registry
from matinee.days import end_of, instant_of, micros_of, start_of
from matinee.errors import MatineeError
from matinee.foreign import translated
from matinee.serving.delta.bootstrap import bootstrap
from matinee.serving.delta.store import Delta, View
from matinee.serving.forgotten import digest, forgotten
from matinee.serving.impressions import KEY, SKEW_US, Event, Reader
from matinee.serving.versions import Versions
from matinee.settings import Settings
from matinee.sources.kafka.batches import Record
from matinee.sources.kafka.fetching import Partitions
from matinee.table.catalog import Lake
from matinee.table.registers import stamp

log = logging.getLogger(__name__)
#: How long brokers wait for a record, and how long the thread waits after an error: longer and longer.
_WAIT_S, _FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 0.5, 30.0


@dataclass(frozen=True)
class Lag:
    """How far a delta is behind: events that the topic had until the watermark are counted; None: none are."""

    watermark: datetime | None
    seconds: float
    degraded: str


class Follower:
    """Keeps a delta of the days after the oldest version that is kept; `follow` starts it, `stop` ends it."""

    def __init__(self, versions: Versions, folder: Path, settings: Settings, most_s: float) -> None:
        """Take what is followed.

        Args:
            versions: of the base.
            folder: where the delta is.
            settings: of the lake; they name Kafka's brokers.
            most_s: how far behind the delta may be before answers are degraded, in seconds.
        """
        self._versions, self._folder, self._settings = versions, folder, settings
        self._servers = settings.stream.kafka or ""
        self._reader = Reader.of(Registry.load(settings.sql_dir), settings.landing.max_line_bytes)
        self._most_s, self._stopped, self._thread = most_s, Signal(), Thread(target=self._run, daemon=True)
        self._delta: Delta | None = None
        self._problem: MatineeError | None = None
        self._marks: dict[int, datetime] = {}
        self._forgotten: dict[str, int] = {}

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and close the delta."""
        self._stopped.set()
        self._thread.join()
        if self._delta is not None:
            self._delta.close()

    def view(self, profile: bytes) -> View | None:
        """Return what the delta has now of a profile, whose key is given; None: there is no delta yet."""
        return self._delta.view(profile) if self._delta is not None else None

    def lag(self, first: date) -> Lag:
        """Return how far the delta is behind now, for a version that needs events from a day on."""
        state = self._delta.state if self._delta is not None else None
        marks = self._marks or (state.read if state else {})
        watermark = min(marks.values(), default=None)
        seconds = (stamp() - watermark).total_seconds() if watermark else 0.0
        if self._problem is not None:
            return Lag(watermark, seconds, str(self._problem))
        if state is None or watermark is None or state.first > first:
            return Lag(watermark, seconds, f"The delta does not have all events from {first} on yet.")
        if state.missing is not None and state.missing > start_of(first):
            why = f"Events from {first} to {state.missing} may be missing: the topic no longer had their records."
            return Lag(watermark, seconds, why)
        late = f"The delta is {seconds:.0f} s behind the topic." if seconds > self._most_s else ""
        return Lag(watermark, seconds, late)

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopped.wait(pause_s):
            try:
                self._follow()
                pause_s = _FIRST_PAUSE_S
            except Exception as error:  # noqa: BLE001 - answers go on without newer events
                problem = translated(error)
                if str(problem) != str(self._problem):
                    log.warning("The delta waits: %s", problem)
                self._problem = problem
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _follow(self) -> None:
        """Read the topic until the service stops or something fails."""
        first = self._first()
        if first is None:
            return
        if self._delta is None:
            self._delta = Delta(self._folder, first)
        delta, number = self._delta, self._versions.pointer().number
        with Partitions(self._servers, self._reader.topic) as partitions:
            self._begin(delta, partitions, first)
            while not self._stopped.is_set():
                self._read(delta, partitions)
                self._problem = None
                if (pointer := self._versions.pointer().number) != number:
                    number, first = pointer, self._first() or first
                    self._begin(delta, partitions, first)

    def _first(self) -> date | None:
        """Return the day after that of the oldest version that is whole; None: there is none."""
        versions = self._versions
        manifests = filter(None, map(versions.find, versions.names()))
        oldest = min((manifest.plan.source.key for manifest in manifests), default=None)
        return end_of(oldest).date() if oldest else None

    def _begin(self, delta: Delta, partitions: Partitions, first: date) -> None:
        """Bring the delta to its first day, and its offsets to what the topic has.

        Events that are read again change nothing. Where the topic no longer reaches back, the state says so.
        """
        state, begins = delta.state, partitions.begins()
        offsets = {partition: state.offsets.get(partition, begin) for partition, begin in begins.items()}
        is_other = state.topic_id not in ("", partitions.identity)
        if (
            is_other
            or not state.topic_id
            or first < state.first
            or any(offsets[each] < begins[each] for each in begins)
        ):
            missing = stamp() if is_other else self._missing(partitions, begins, min(first, state.first))
            delta.note(replace(state, first=min(first, state.first), topic_id="", offsets={}))
            if missing is not None:
                landed = bootstrap(Lake.open(self._settings), delta, self._reader)
                if landed is not None and landed.topic_id in ("", partitions.identity):
                    reached = {each: max(begin, landed.offsets.get(each, 0)) for each, begin in begins.items()}
                    is_whole = all(landed.offsets.get(each, 0) >= begin for each, begin in begins.items())
                    begins, missing = reached, None if is_whole else missing
            delta.note(replace(delta.state, topic_id=partitions.identity, offsets=begins, missing=missing))
        elif offsets != state.offsets:
            delta.note(replace(state, offsets=offsets))
        if first > delta.state.first:
            delta.trim(first)
        known = forgotten(self._versions.files)
        delta.forget(known)
        self._forgotten = {each.digest: micros_of(each.at) for each in known}

    def _missing(self, partitions: Partitions, begins: Mapping[int, int], first: date) -> datetime | None:
        """Return until when the topic's records are gone that may hold events from a day on; None: it has them all."""
        gone = [
            instant_of(fetched.records[0].came_us) if fetched.records else stamp()
            for fetched in partitions.fetch(begins, _WAIT_S)
            if begins[fetched.partition] > 0
        ]
        needed = instant_of(micros_of(start_of(first)) - SKEW_US)
        return max((moment for moment in gone if moment > needed), default=None)

    def _read(self, delta: Delta, partitions: Partitions) -> None:
        state, asked, told = delta.state, stamp(), list[Event | str]()
        offsets, marks = dict(state.offsets), {**state.read, **self._marks}
        for fetched in partitions.fetch(offsets, _WAIT_S):
            told += map(self._event, fetched.records)
            offsets[fetched.partition] = fetched.next
            if fetched.next >= fetched.end:
                marks[fetched.partition] = asked
            elif fetched.records:
                marks[fetched.partition] = instant_of(fetched.records[-1].came_us)
        if offsets != state.offsets:
            delta.apply(told, state.reached(offsets, marks))
        self._marks = marks

    def _event(self, record: Record) -> Event | str:
        """Return the event of a record, or why it is none; a profile that was forgotten later is none."""
        event = self._reader.read(record.value or b"", record.came_us)
        if self._forgotten and isinstance(event, Event):
            forgotten_us = self._forgotten.get(digest(KEY.encode([event.profile])))
            if forgotten_us is not None and record.came_us < forgotten_us:
                return "forgotten"
        return event
