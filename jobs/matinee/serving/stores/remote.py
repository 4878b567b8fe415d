"""Stores that are servers: the entries of a version are written to a namespace of its own, and read where they are.

Each try of a task writes a part of its own, so two tries do not meet. The store notes a part when a task begins it, and
describes it when it is whole: what a part holds is what its description says.
"""

import uuid
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from matinee.errors import VersionGoneError
from matinee.serving.entries import Counted, entry_hash, total_of
from matinee.serving.keys import after
from matinee.serving.model import Manifest, Shard
from matinee.serving.stores.protocol import Entry

#: So many entries are sent at once, and so many are removed in one act: a transaction of DynamoDB has 100 at the most.
AT_ONCE, REMOVED = 1000, 90


class Server(Protocol):
    """What a server keeps of the versions of a dataset; values of the class are sent to the engine's tasks.

    Each method raises StoreUnavailableError where the server does not answer, or takes no more calls.
    """

    def parts(self, version: str) -> Mapping[str, Shard | None]:
        """Return the parts of a version with their descriptions; None for a part that is not whole."""

    def describe(self, version: str, part: str, shard: Shard | None) -> None:
        """Note a part: before its first entry with None, and once it is whole with its description."""

    def put(self, version: str, part: str, entries: Sequence[Entry]) -> None:
        """Write entries, whole before the call returns."""

    def get(self, version: str, part: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys; None for a key that is not there."""

    def scan(self, version: str, part: str, start: bytes, end: bytes | None, *, down: bool = False) -> Iterator[Entry]:
        """Yield the entries from a key on, up to a key (not included; None: to the last), in the order of the keys.

        With `down`, in the opposite order.
        """

    def is_whole(self, version: str, part: str) -> bool:
        """Whether a part is there as it was described, as far as the server can tell without reading all of it."""

    def remove(self, version: str, shard: Shard, keys: Sequence[bytes]) -> None:
        """Remove entries, `REMOVED` at the most, and describe what is left, in one act."""

    def drop(self, version: str, part: str) -> None:
        """Delete the entries of a part, then its description."""


@dataclass(frozen=True)
class Remote:
    """A store on a server."""

    server: Server

    def write(self, version: str, number: int, entries: Iterable[Entry]) -> Shard:
        part, counted, size = f"{number:04d}-{uuid.uuid4().hex}", Counted(entries), 0
        self.server.describe(version, part, None)
        for some in _batches(counted, AT_ONCE):
            self.server.put(version, part, some)
            size += _size(some)
        shard = replace(counted.shard(number), file=part, bytes=size)
        self.server.describe(version, part, shard)
        return shard

    def written(self, version: str, number: int) -> Shard | None:
        whole = (shard for _, shard in sorted(self.server.parts(version).items()) if shard and shard.number == number)
        return next(whole, None)

    def has(self, manifest: Manifest) -> bool:
        try:
            self.open(manifest, Path())
        except VersionGoneError:
            return False
        return True

    def open(self, manifest: Manifest, folder: Path) -> "RemoteDatabase":
        version, parts = manifest.version, self.server.parts(manifest.version)
        database = RemoteDatabase(self.server, version, tuple(_described(version, s, parts) for s in manifest.shards))
        for shard in database.shards:
            database.prove(shard)
        return database

    def forget(self, manifest: Manifest, prefix: bytes, folder: Path) -> Manifest:
        """Remove entries, a batch at a time, each with the new description: what was cut off goes on from there."""
        version, parts, left = manifest.version, self.server.parts(manifest.version), list[Shard]()
        for named in manifest.shards:
            shard = _described(version, named, parts)
            first, last = (bytes.fromhex(key)[: len(prefix)] for key in (shard.first, shard.last))
            if first <= prefix <= last:
                shard = self._forget(version, shard, prefix)
            left.append(shard)
        return replace(manifest, shards=tuple(shard for shard in left if shard.keys))

    def _forget(self, version: str, shard: Shard, prefix: bytes) -> Shard:
        ends = [self._end(version, shard, prefix, down=down) for down in (False, True)]
        for some in _batches(self.server.scan(version, shard.file, prefix, after(prefix)), REMOVED):
            hashes = (-entry_hash(*entry) for entry in some)
            shard = replace(
                shard,
                keys=shard.keys - len(some),
                first=ends[0],
                last=ends[1],
                total=total_of([int(shard.total, 16), *hashes]),
                bytes=shard.bytes - _size(some),
            )
            self.server.remove(version, shard, [entry.key for entry in some])
        return shard

    def _end(self, version: str, shard: Shard, prefix: bytes, *, down: bool) -> str:
        """Return the first key without the prefix, or the last; nothing where there is none."""
        ranges = [(b"", prefix), (after(prefix), None)]
        for start, end in reversed(ranges) if down else ranges:
            if start is not None:
                for entry in self.server.scan(version, shard.file, start, end, down=down):
                    return entry.key.hex()
        return ""

    def tidy(self, manifest: Manifest) -> None:
        named = {shard.file for shard in manifest.shards}
        for part in self.server.parts(manifest.version).keys() - named:
            self.server.drop(manifest.version, part)

    def delete(self, version: str) -> None:
        for part in self.server.parts(version):
            self.server.describe(version, part, None)  # Whoever reads the part learns that it goes.
            self.server.drop(version, part)


@dataclass(frozen=True)
class RemoteDatabase:
    """A version on a server, by its shards that have entries, in the order of their keys."""

    server: Server
    version: str
    shards: tuple[Shard, ...]

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        firsts = [bytes.fromhex(shard.first) for shard in self.shards]
        of_shard: dict[int, list[int]] = {}
        for position, key in enumerate(keys):
            if (place := bisect_right(firsts, key)) > 0:
                of_shard.setdefault(place - 1, []).append(position)
        values: list[bytes | None] = [None] * len(keys)
        for place, positions in of_shard.items():
            shard = self.shards[place]
            told = self.server.get(self.version, shard.file, [keys[position] for position in positions])
            if None in told:
                self.prove(shard)
            for position, value in zip(positions, told, strict=True):
                values[position] = value
        return values

    def scan(self, start: bytes, end: bytes | None) -> Iterator[Entry]:
        for shard in self.shards:
            if bytes.fromhex(shard.last) >= start and (end is None or bytes.fromhex(shard.first) < end):
                yield from self.server.scan(self.version, shard.file, start, end)
                self.prove(shard)

    def close(self) -> None:
        """Nothing was opened: the process keeps its connections to the server."""

    def prove(self, shard: Shard) -> None:
        """Tell a key that is not there from a part that is not there any more.

        Raises:
            VersionGoneError: the server has lost entries of the part, or somebody deletes them.
        """
        if not self.server.is_whole(self.version, shard.file):
            raise _gone(self.version, shard)


def _described(version: str, shard: Shard, parts: Mapping[str, Shard | None]) -> Shard:
    described = parts.get(shard.file)
    if described is None:
        raise _gone(version, shard)
    return described


def _batches(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    left = iter(entries)
    return iter(lambda: list(islice(left, size)), [])


def _size(entries: Iterable[Entry]) -> int:
    return sum(len(entry.key) + len(entry.value) for entry in entries)


def _gone(version: str, shard: Shard) -> VersionGoneError:
    return VersionGoneError(
        f"The store has lost entries of shard {shard.number} of {version}: they were deleted or evicted.",
        next_step="`matinee kv rollback` serves an earlier version; `matinee kv gc`, then build this version again.",
        facts={"version": version, "shard": shard.number},
    )
