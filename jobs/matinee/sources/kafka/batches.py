"""Batches of records as Kafka's brokers store them (form 2: Kafka 0.11 and later), compressed or not."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import NamedTuple

from matinee.errors import EngineFailedError
from matinee.sources.kafka.wire import Answer

#: Before the batch: its first offset and its length.
_PLACE = struct.Struct(">qi")
_HEAD = struct.Struct(">ibIhiqqqhii")
_FORM = 2
_TIMES_OF_BROKER, _TRANSACTIONAL, _CONTROL = 8, 16, 32
_COMPRESSION = 7
_SNAPPY = b"\x82SNAPPY\x00"
_ABORTED = 0


class Record(NamedTuple):
    """A record: where it is, when it came (microseconds since 1970), its value; None: it has none."""

    offset: int
    came_us: int
    value: bytes | None


def records(content: bytes, aborted: Sequence[tuple[int, int]], start: int) -> tuple[list[Record], int]:
    """Return the committed records from an offset on, and the offset after them.

    Args:
        content: whole batches; the last may be cut off.
        aborted: transactions that were aborted: the producer, and the first offset of the transaction.
        start: records before it are left out.

    Raises:
        EngineFailedError: a batch has a form that is not known, or is damaged.
    """
    waiting, off, came, after, place = sorted(aborted, key=lambda each: each[1]), set[int](), list[Record](), start, 0
    while len(content) - place >= _PLACE.size:
        first, length = _PLACE.unpack_from(content, place)
        batch = content[place + _PLACE.size : place + _PLACE.size + length]
        if len(batch) < length:
            break
        place += _PLACE.size + length
        try:
            _, form, _, attributes, last, base, newest, producer, _, _, count = _HEAD.unpack_from(batch)
            if form != _FORM:
                raise ValueError(f"its form is {form}")
            while waiting and waiting[0][1] <= first + last:
                off.add(waiting.pop(0)[0])
            if attributes & _CONTROL:
                if _is_abort(batch[_HEAD.size :]):
                    off.discard(producer)
            elif not (attributes & _TRANSACTIONAL and producer in off):
                told = _read(_plain(batch[_HEAD.size :], attributes & _COMPRESSION), count, first, base)
                times = newest if attributes & _TIMES_OF_BROKER else None
                came += (each if times is None else each._replace(came_us=times * 1000) for each in told)
        except (ValueError, zlib.error, OSError, struct.error) as error:
            raise EngineFailedError(
                f"The batch at offset {first} of a topic cannot be read: {error}.",
                next_step="Does the broker speak Kafka's protocol of 2.8 or later? Is its disk well?",
                facts={"offset": first},
            ) from error
        after = max(after, first + last + 1)
    return [record for record in came if record.offset >= start], after


def _is_abort(content: bytes) -> bool:
    answer = Answer(content)
    answer.signed()
    answer.int8()
    for _ in range(2):
        answer.signed()
    key = Answer(answer.fixed(answer.signed()))
    key.int16()
    return key.int16() == _ABORTED


def _read(content: bytes, count: int, first: int, base: int) -> Iterator[Record]:
    answer = Answer(content)
    for _ in range(count):
        record = Answer(answer.fixed(answer.signed()))
        record.int8()
        later, offset = record.signed(), record.signed()
        record.fixed(max(record.signed(), 0))
        length = record.signed()
        yield Record(first + offset, (base + later) * 1000, None if length < 0 else record.fixed(length))


def _plain(content: bytes, compression: int) -> bytes:
    """Return content without its compression: 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
    if compression == 0:
        return content
    if compression == 2:
        return b"".join(map(_without_snappy, _snappy_blocks(content)))
    import pyarrow as pa

    with pa.CompressedInputStream(BytesIO(content), {1: "gzip", 3: "lz4", 4: "zstd"}[compression]) as stream:
        plain: bytes = stream.read()
        return plain


def _snappy_blocks(content: bytes) -> Iterator[bytes]:
    """Yield the blocks of Java's stream of snappy; others write a block without a head."""
    if not content.startswith(_SNAPPY):
        yield content
        return
    place = len(_SNAPPY) + 8
    while place < len(content):
        (length,) = struct.unpack_from(">i", content, place)
        yield content[place + 4 : place + 4 + length]
        place += 4 + length


def _without_snappy(block: bytes) -> bytes:
    import pyarrow as pa

    size = Answer(block).number()
    plain: bytes = pa.Codec("snappy").decompress(block, size, asbytes=True)
    return plain
