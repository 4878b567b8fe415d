"""What tasks of the engine do for a build: rows become entries of shards, and the entries of a shard are written.

Values of these classes are sent to the tasks; no row comes back.
"""

import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from matinee.serving.entries import Repeated, entry_hash, total_of
from matinee.serving.keys import Key
from matinee.serving.model import Plan, Shard, from_json, to_json
from matinee.serving.stores.protocol import Entry, Store

if TYPE_CHECKING:
    import pyarrow as pa

#: What an encoding task tells of the rows of a batch: how many, and the sum of their hashes.
_TOLD = struct.Struct(">QQ")


@dataclass(frozen=True)
class Sampler:
    """Yields the keys of some rows, the same whenever the rows are read: those whose checksum `every` divides."""

    key: Key
    every: int

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        for batch in batches:
            keys = self.key.encode_batch(batch).to_pylist()
            yield pa.record_batch(
                {"key": pa.array([key for key in keys if zlib.crc32(key) % self.every == 0], pa.binary())}
            )


@dataclass(frozen=True)
class Encoder:
    """Yields the entry of each row with the number of its shard.

    Entries of shards that are written already are left out. After the entries of a batch comes a row of the shard
    after the last: what was read, and the sum of its hashes.
    """

    plan: Plan
    written: frozenset[int]

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        for batch in batches:
            keys, values = self.plan.key.encode_batch(batch), self.plan.value.encode_batch(batch)
            yield self._shards(keys.to_pylist(), values.to_pylist())

    def _shards(self, keys: list[bytes], values: list[bytes]) -> "pa.RecordBatch":
        import pyarrow as pa

        cuts, written = self.plan.cuts, self.written
        numbers = [bisect_right(cuts, key) for key in keys]
        told = _TOLD.pack(len(keys), int(total_of(map(entry_hash, keys, values)), 16))
        if written:
            kept = [place for place, number in enumerate(numbers) if number not in written]
            numbers = [numbers[place] for place in kept]
            keys, values = ([column[place] for place in kept] for column in (keys, values))
        return pa.record_batch(
            {
                "shard": pa.array([*numbers, len(cuts) + 1], pa.int32()),
                "key": pa.array([*keys, b""], pa.binary()),
                "value": pa.array([*values, told], pa.binary()),
            }
        )


@dataclass(frozen=True)
class Writer:
    """Writes the shards that a task is given, sorted by shard and key; yields a JSON text for each, `Result`."""

    plan: Plan
    store: Store

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        rows = (
            row
            for batch in batches
            for row in zip(*(batch.column(name).to_pylist() for name in ("shard", "key", "value")), strict=True)
        )
        for number, of_shard in groupby(rows, key=lambda row: row[0]):
            entries = (Entry(key, value) for _, key, value in of_shard)
            yield pa.record_batch({"written": pa.array([to_json(self._written(number, entries)).decode()])})

    def _written(self, number: int, entries: Iterator[Entry]) -> "Result":
        if number > len(self.plan.cuts):
            counts, totals = zip(*(_TOLD.unpack(value) for _, value in entries), strict=True)
            return Result(rows=sum(counts), total=total_of(totals))
        try:
            return Result(shard=self.store.write(self.plan.version, number, entries))
        except Repeated as error:
            return Result(repeated=error.key.hex())


@dataclass(frozen=True)
class Result:
    """What a task tells of a shard: the shard, or the key that repeats; or of all rows, how many and their hash."""

    shard: Shard | None = None
    repeated: str | None = None
    rows: int | None = None
    total: str | None = None


def result_of(text: str) -> Result:
    """Read the text of a task."""
    return from_json(Result, text.encode(), "a task's result")
