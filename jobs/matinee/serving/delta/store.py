"""The database of a delta: events by day and id, and their tiles by profile, title, location and day.

Offsets stand in the batch of the entries that they stand for: a process that is killed goes on where the entries end.
A tile adds up its events as they come. Where a repeat that was received earlier takes the place of an event, the tiles
of both are added up again from their events.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from matinee import faults
from matinee.days import day_of, end_of, instant_of, micros_of
from matinee.private import private_folder
from matinee.serving.answers import Part
from matinee.serving.delta.state import State
from matinee.serving.forgotten import Forgotten, digest
from matinee.serving.impressions import EVENT_KEY, KEY, TILE_KEY, Event, Seen, faded, weights_of
from matinee.serving.keys import Key, after
from matinee.serving.model import from_json, to_json
from matinee.serving.stores.rocksdb import library, translating

_FOLDER, _STATE = "db", b"state"
#: What keys begin with: of an event, of an event of a tile, of a tile, of a profile.
_EVENT, _MEMBER, _TILE, _PROFILE = b"e", b"m", b"t", b"p"
_MEMBER_KEY = Key((*TILE_KEY.names, "at", EVENT_KEY.names[1]), (*TILE_KEY.types, "long", "string"))
_INSTANT = struct.Struct(">q")
_COUNTS = struct.Struct(">qq")
_DAY_BYTES = 4
#: So many entries go at once when a delta is trimmed.
_CHUNK = 10_000


class _Tile(NamedTuple):
    """What a profile saw of a title at a location on a day; the weights are as of the end of the day."""

    impressions: int = 0
    last_us: int = 0
    weights: tuple[float, ...] = (0.0,) * len(weights_of(0))

    def to_bytes(self) -> bytes:
        return _COUNTS.pack(self.impressions, self.last_us) + struct.pack(f">{len(self.weights)}d", *self.weights)

    @classmethod
    def from_bytes(cls, content: bytes) -> "_Tile":
        rest = content[_COUNTS.size :]
        impressions, last_us = _COUNTS.unpack_from(content)
        return cls(impressions, last_us, struct.unpack(f">{len(rest) // 8}d", rest))

    def with_event(self, at_us: int) -> "_Tile":
        total = map(float.__add__, self.weights, weights_of(at_us))
        return _Tile(self.impressions + 1, max(self.last_us, at_us), tuple(total))


@dataclass(frozen=True)
class View:
    """What a delta has of a profile at one instant: nothing that is written later is seen. One thread may read.

    `newest_us` is when its newest event happened; None: the delta has none.
    """

    state: State
    newest_us: int | None
    _place: Any

    def parts(self, start: bytes, end: bytes, first: date, at_us: int) -> Iterator[Part]:
        """Yield what was seen from a day on, by keys of the base, from a key on up to a key; faded to an instant."""
        for key, value in _scan(self._place, _TILE + start, _TILE + end):
            day = _day_in(key)
            if day >= first:
                tile = _Tile.from_bytes(value)
                age_us = at_us - micros_of(end_of(day))
                yield key[1:-_DAY_BYTES], Seen(tile.impressions, tile.last_us, 0, 0, faded(tile.weights, age_us))


_DAY = Key(TILE_KEY.names[-1:], TILE_KEY.types[-1:])


def state_in(folder: Path) -> State | None:
    """Return the state of the delta in a folder, which another process may have open; None: there is no delta.

    Raises:
        UnreadableError: the files are damaged.
    """
    place, rocksdict = folder / _FOLDER, library()
    if not place.is_dir():
        return None
    with translating(str(place)):
        database = rocksdict.Rdict(
            str(place), rocksdict.Options(raw_mode=True), access_type=rocksdict.AccessType.read_only()
        )
        content = database.get(_STATE)
        database.close()
    return from_json(State, content, str(folder)) if content else None


class Delta:
    """A delta; this process alone may have it open."""

    def __init__(self, folder: Path, first: date) -> None:
        """Open the delta in a folder; a new one begins with a day.

        Raises:
            UnreadableError: its files are damaged, or another process has the delta open.
        """
        rocksdict = library()
        with translating(str(folder)):
            self._database = rocksdict.Rdict(str(private_folder(folder) / _FOLDER), rocksdict.Options(raw_mode=True))
        content = self._database.get(_STATE)
        self.state = from_json(State, content, str(folder)) if content else State(first)

    def view(self, profile: bytes) -> View:
        """Return what the delta has now of a profile, whose key is given."""
        state, place, key = self.state, self._database.iter(), _PROFILE + profile
        newest = [_INSTANT.unpack(value)[0] for _, value in _scan(place, key, key + b"\x00")]
        return View(state, newest[0] if newest else None, place)

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    def apply(self, told: Sequence[Event | str], reached: State) -> None:
        """Add the events of records, and note the state that the records lead to, in one write batch.

        Events that were added before change nothing but the counts.

        Args:
            told: of each record the event, or the reason why it is none.
            reached: the state before, with the offsets after the records.
        """
        bad = Counter(reason for reason in told if isinstance(reason, str))
        events = [event for event in told if isinstance(event, Event)]
        own = [event for event in events if day_of(event.day) >= self.state.first]
        batch = library().WriteBatch(raw_mode=True)
        new = self._add(batch, own)
        state = reached.counted(new, len(own) - new, len(events) - len(own), bad)
        batch.put(_STATE, to_json(state))
        faults.reach("delta.before_batch")
        self._database.write(batch)
        self.state = state
        faults.reach("delta.after_batch")

    def _add(self, batch: Any, events: Sequence[Event]) -> int:  # noqa: ANN401 - of rocksdict
        """Write what events change to a batch; return how many of them are new."""
        keys = [_EVENT + EVENT_KEY.encode([day_of(event.day), event.id]) for event in events]
        held = dict(zip(keys, self._get(keys), strict=True))
        before = {key: _event(content) for key, content in held.items() if content is not None}
        now = dict(before)
        for key, event in zip(keys, events, strict=True):
            if key not in now or event.order < now[key].order:
                now[key] = event
        changed = {key: event for key, event in now.items() if before.get(key) != event}
        gone = [before[key] for key in changed if key in before]
        for key, event in changed.items():
            batch.put(key, msgspec.msgpack.encode(event))
        self._add_up(batch, gone, list(changed.values()))
        self._note_profiles(batch, changed.values())
        return len(now) - len(before)

    def _add_up(self, batch: Any, gone: Sequence[Event], came: Sequence[Event]) -> None:  # noqa: ANN401 - of rocksdict
        for event in gone:
            batch.delete(_member(event))
        by_tile: dict[bytes, list[Event]] = {_tile(event): [] for event in (*gone, *came)}
        for event in came:
            batch.put(_member(event), b"")
            by_tile[_tile(event)].append(event)
        again, lost = set(map(_tile, gone)), set(map(_member, gone))
        keys = list(by_tile)
        for key, content in zip(keys, self._get([_TILE + key for key in keys]), strict=True):
            tile = _Tile() if content is None or key in again else _Tile.from_bytes(content)
            members = set(map(_member, by_tile[key]))
            if key in again:
                prefix = _MEMBER + key
                members |= {member for member, _ in self._scan(prefix) if member not in lost}
            for member in sorted(members):
                tile = tile.with_event(int(_MEMBER_KEY.decode(member[1:])[-2]))  # type: ignore[arg-type]
            if tile.impressions:
                batch.put(_TILE + key, tile.to_bytes())
            else:
                batch.delete(_TILE + key)

    def _note_profiles(self, batch: Any, events: Iterable[Event]) -> None:  # noqa: ANN401 - of rocksdict
        newest: dict[bytes, int] = {}
        for event in events:
            key = _PROFILE + KEY.encode([event.profile])
            newest[key] = max(newest.get(key, event.at_us), event.at_us)
        for (key, at_us), content in zip(newest.items(), self._get(list(newest)), strict=True):
            if content is None or _INSTANT.unpack(content)[0] < at_us:
                batch.put(key, _INSTANT.pack(at_us))

    def note(self, state: State) -> None:
        """Note a state without new entries."""
        self._database.put(_STATE, to_json(state))
        self.state = state

    def trim(self, first: date) -> None:
        """Remove what happened before a day; the delta begins with that day from then on."""
        edge = _EVENT + EVENT_KEY.encode([first])
        self._delete(key for key, _ in self._scan(_TILE) if _day_in(key) < first)
        self._delete(
            key
            for key, _ in self._scan(_MEMBER)
            if _MEMBER_KEY.decode(key[1:])[-3] < first  # type: ignore[operator]
        )
        self._delete(key for key, value in self._scan(_PROFILE) if instant_of(_INSTANT.unpack(value)[0]).date() < first)
        faults.reach("delta.in_trim")
        self._delete(key for key, _ in _scan(self._database.iter(), _EVENT, edge))
        self.note(replace(self.state, first=first))

    def forget(self, known: Sequence[Forgotten]) -> None:
        """Remove the profiles that were forgotten since the last call; `known` is the whole register."""
        digests = {each.digest for each in known[self.state.forgotten :]}
        if not digests:
            return
        profiles = [key[1:] for key, _ in self._scan(_PROFILE) if digest(key[1:]) in digests]
        for profile in profiles:
            batch = library().WriteBatch(raw_mode=True)
            for member, _ in self._scan(_MEMBER + profile):
                *_, day, _, event_id = _MEMBER_KEY.decode(member[1:])
                batch.delete(member)
                batch.delete(_EVENT + EVENT_KEY.encode([day, event_id]))
            for tile, _ in self._scan(_TILE + profile):
                batch.delete(tile)
            batch.delete(_PROFILE + profile)
            self._database.write(batch)
        self._database.flush()
        self._database.compact_range(None, None)  # Deleted entries stay in files until then.
        self.note(replace(self.state, forgotten=len(known)))

    def _delete(self, keys: Iterator[bytes]) -> None:
        batch = library().WriteBatch(raw_mode=True)
        for key in keys:
            batch.delete(key)
            if batch.len() >= _CHUNK:
                self._database.write(batch)
                batch = library().WriteBatch(raw_mode=True)
        self._database.write(batch)

    def _scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return _scan(self._database.iter(), prefix, after(prefix) or b"")

    def _get(self, keys: list[bytes]) -> list[bytes | None]:
        return list(self._database.get(keys)) if keys else []


def _event(content: bytes) -> Event:
    return msgspec.msgpack.decode(content, type=Event)


def _tile(event: Event) -> bytes:
    return TILE_KEY.encode([event.profile, event.title, event.location, day_of(event.day)])


def _member(event: Event) -> bytes:
    values = (event.profile, event.title, event.location, day_of(event.day), event.at_us, event.id)
    return _MEMBER + _MEMBER_KEY.encode(values)


def _day_in(key: bytes) -> date:
    [day] = _DAY.decode(key[-_DAY_BYTES:])
    assert isinstance(day, date)  # noqa: S101 - the key says so
    return day


def _scan(place: Any, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:  # noqa: ANN401 - of rocksdict
    """Yield the entries from a key on, up to a key, as they were when the iterator was made."""
    place.seek(start)
    while place.valid() and (key := place.key()) < end:
        yield key, place.value()
        place.next()
    place.status()
