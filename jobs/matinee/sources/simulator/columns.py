"""Columns of simulated events: integer codes as long as possible, text only where it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

Array = npt.NDArray[Any]
NULL = int(np.iinfo(np.int32).min)
SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


class Kind(Enum):
    """How the values of a column are held."""

    ID = "bytes of one length; empty is missing"
    CODE = "place in the vocabulary; NULL is missing"
    COUNT = "small whole number; NULL is missing"
    INSTANT = "microseconds since 1970, UTC; NULL is missing"
    MILLISECONDS = "milliseconds, written as seconds; NULL is missing"


@dataclass(frozen=True)
class Column:
    """Values of shape (n,), and the vocabulary (bytes) of a CODE column.

    A required column has no null: where its value is missing, the field itself is.
    """

    kind: Kind
    values: Array
    vocabulary: Array | None = None
    required: bool = True

    @property
    def words(self) -> Array:
        """The vocabulary; one empty word for a column of another kind."""
        return np.zeros(1, dtype="S1") if self.vocabulary is None else self.vocabulary

    def take(self, places: Array) -> "Column":
        """Return the column at the given places."""
        return self.with_values(self.values[places])

    def with_values(self, values: Array) -> "Column":
        """Return the same column with other values."""
        return Column(self.kind, values, self.vocabulary, self.required)

    def missing(self) -> Array:
        """Return where there is no value: bool of shape (n,)."""
        return np.asarray(self.values == (b"" if self.kind is Kind.ID else NULL))

    def with_missing(self, places: Array) -> "Column":
        """Return the column without a value at the given places."""
        values = self.values.copy()
        values[places] = b"" if self.kind is Kind.ID else NULL
        return self.with_values(values)


Frame = Mapping[str, Column]


def take(frame: Frame, places: Array) -> dict[str, Column]:
    """Return the rows of the frame at the given places."""
    return {name: column.take(places) for name, column in frame.items()}


def vocabulary(words: list[str]) -> Array:
    """Return the words as an array of bytes."""
    return np.array([word.encode() for word in words])


def numbered(prefix: str, count: int, digits: int) -> Array:
    """Return `prefix` + 0..count-1 with leading zeros: bytes of shape (count,)."""
    return np.char.add(prefix.encode(), np.char.zfill(np.arange(count).astype(bytes), digits))


def scrambled_ids(count: int, offset: int) -> Array:
    """Return distinct ids of 12 hexadecimal digits that do not order as they were made: S12 of shape (count,)."""
    # An odd factor modulo a power of two maps distinct numbers to distinct numbers.
    numbers = (np.arange(count, dtype=np.uint64) * np.uint64(0x5DEECE66D) + np.uint64(offset)) & np.uint64(2**48 - 1)
    pairs = vocabulary([f"{byte:02x}" for byte in range(256)])
    ids = np.empty((count, 6), dtype="S2")
    for place in range(6):
        ids[:, place] = pairs[(numbers >> np.uint64(8 * (5 - place))) & np.uint64(255)]
    return ids.view("S12").reshape(count)


def to_arrow(frame: Frame) -> "pa.Table":
    """Return the frame as a `pyarrow.Table` with the types of the landing files."""
    import pyarrow as pa

    return pa.table({name: _arrow_array(column) for name, column in frame.items()})


def _arrow_array(column: Column) -> "pa.Array":
    import pyarrow as pa

    missing = column.missing()
    mask = missing if missing.any() else None
    match column.kind:
        case Kind.ID:
            return _arrow_text(column.values, mask)
        case Kind.CODE:
            codes = pa.array(column.values, type=pa.int32(), mask=mask)
            return pa.DictionaryArray.from_arrays(codes, _arrow_text(column.words, None)).cast(pa.string())
        case Kind.COUNT:
            return pa.array(column.values, type=pa.int32(), mask=mask)
        case Kind.INSTANT:
            return pa.array(column.values, type=pa.int64(), mask=mask).cast(pa.timestamp("us", "UTC"))
        case Kind.MILLISECONDS:
            return pa.array(column.values / 1000, type=pa.float64(), mask=mask)


def _arrow_text(values: Array, mask: Array | None) -> "pa.Array":
    import pyarrow as pa

    width = values.dtype.itemsize
    if (np.char.str_len(values) == width).all():
        data = pa.py_buffer(np.ascontiguousarray(values))
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(values), [None, data]).cast(pa.string())
    return pa.array(values, type=pa.binary(), mask=mask).cast(pa.string())
