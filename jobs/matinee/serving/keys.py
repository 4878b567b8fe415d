"""Keys: tuples of typed columns as bytes whose order is the order of the tuples.

Every number has a fixed width and its sign bit inverted. A text is its UTF-8 bytes, a zero byte in it is followed by
FF, and 00 01 ends it: so the bytes of a tuple's first columns are a prefix of the bytes of the whole tuple, and of no
other tuple. A key has no NULL: a column that may be null is no column of a key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from matinee.days import day_of, instant_of, micros_of, parse_day, parse_moment
from matinee.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

#: The form of keys that this code writes; a manifest names the form of its keys.
FORM = 1
Value = str | int | bool | date | datetime
#: The bytes of each type of fixed width. Integers have the width of `long`: a column that becomes long keeps its keys.
WIDTHS = {"int": 8, "long": 8, "date": 4, "timestamptz": 8, "boolean": 1}
TYPES = ("string", *WIDTHS)
_ZERO, _ESCAPED, _END = b"\x00", b"\x00\xff", b"\x00\x01"
_EPOCH = date(1970, 1, 1)
#: What a value of each type is in Python, in words.
_WORDS = {
    "string": "a text that UTF-8 can spell",
    "int": "a whole number of 64 bits",
    "long": "a whole number of 64 bits",
    "date": "a day",
    "timestamptz": "a time with its offset",
    "boolean": "true or false",
}


@dataclass(frozen=True)
class Key:
    """The columns of a key with their types, which are among `TYPES`."""

    names: tuple[str, ...]
    types: tuple[str, ...]

    def encode(self, values: Sequence[object]) -> bytes:
        """Return the bytes of a key; of the first columns alone, the bytes that all keys with these values begin with.

        Raises:
            UsageError: there are more values than columns, or a value is of another type than its column.
        """
        if len(values) > len(self.names):
            raise UsageError(
                f"{len(values)} values are given for a key of {len(self.names)} columns.",
                next_step=f"Give values of {', '.join(self.names)}.",
                facts={"columns": self.names},
            )
        columns = zip(self.names, self.types, values, strict=False)
        return b"".join(_encoded(name, kind, value) for name, kind, value in columns)

    def encode_batch(self, batch: "pa.RecordBatch") -> "pa.BinaryArray":
        """Return the bytes of the key of each row of a batch that has the columns of the key, none null.

        Raises:
            UsageError: a column of the key has a NULL.
        """
        import pyarrow.compute as pc

        for name in self.names:
            if batch.column(name).null_count:
                raise UsageError(
                    f"The column {name} of the key has a NULL.", next_step="Take another column into the key."
                )
        columns = [_encoded_column(kind, batch.column(name)) for name, kind in zip(self.names, self.types, strict=True)]
        return pc.binary_join_element_wise(*columns, b"")

    def decode(self, content: bytes) -> tuple[Value, ...]:
        """Return the values of a whole key, or of its first columns.

        Raises:
            UnreadableError: the bytes are no key of these columns.
        """
        values, rest = list[Value](), content
        for kind in self.types if content else ():
            try:
                value, rest = _decoded(kind, rest)
            except (ValueError, IndexError) as error:
                raise UnreadableError(
                    f"{content.hex()} is no key of {', '.join(self.names)}.",
                    next_step="`matinee kv verify` says whether the version is damaged.",
                    facts={"key": content.hex(), "columns": self.names},
                ) from error
            values.append(value)
            if not rest:
                break
        return tuple(values)

    def parse(self, texts: Sequence[str]) -> tuple[Value, ...]:
        """Return the values that texts of a command line spell, of the first columns of the key.

        Raises:
            UsageError: a text spells no value of its column's type, or there are more texts than columns.
        """
        if len(texts) > len(self.names):
            self.encode(texts)
        return tuple(_parsed(name, kind, text) for name, kind, text in zip(self.names, self.types, texts, strict=False))


def after(prefix: bytes) -> bytes | None:
    """Return the least bytes that are greater than all bytes with a prefix; None: there are none."""
    short = prefix.rstrip(b"\xff")
    return short[:-1] + bytes([short[-1] + 1]) if short else None


def _encoded(name: str, kind: str, value: object) -> bytes:
    try:
        if kind == "string" and isinstance(value, str):
            return value.encode().replace(_ZERO, _ESCAPED) + _END
        if kind == "boolean" and isinstance(value, bool):
            return bytes([value])
        if kind != "string":
            return _spelled(_number(kind, value), WIDTHS[kind])
    except (OverflowError, UnicodeEncodeError):
        pass
    raise UsageError(
        f"{value!r} is no value of the key's column {name}.",
        next_step=f"Give {_WORDS[kind]}.",
        facts={"column": name, "type": kind},
    )


def _number(kind: str, value: object) -> int:
    """Return the number that stands for a value; a value of another type is none that fits."""
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return (value - _EPOCH).days
    if kind == "timestamptz" and isinstance(value, datetime) and value.tzinfo is not None:
        return micros_of(value)
    if kind in ("int", "long") and isinstance(value, int) and not isinstance(value, bool):
        return value
    raise OverflowError


def _spelled(number: int, width: int) -> bytes:
    return (number + (1 << (8 * width - 1))).to_bytes(width, "big")


def _decoded(kind: str, content: bytes) -> tuple[Value, bytes]:
    if kind == "string":
        end = _end(content)
        return content[:end].replace(_ESCAPED, _ZERO).decode(), content[end + len(_END) :]
    width = WIDTHS[kind]
    spelled, rest = content[:width], content[width:]
    if len(spelled) < width:
        raise IndexError(width)
    if kind == "boolean":
        return spelled != _ZERO, rest
    number = int.from_bytes(spelled, "big") - (1 << (8 * width - 1))
    return {"date": day_of, "timestamptz": instant_of}.get(kind, int)(number), rest


def _end(content: bytes) -> int:
    """Return where a text ends: at the first zero byte that no FF follows."""
    place = content.index(_ZERO)
    while content[place : place + 2] == _ESCAPED:
        place = content.index(_ZERO, place + 2)
    return place


def _parsed(name: str, kind: str, text: str) -> Value:
    if kind == "string":
        return text
    if kind == "date":
        return parse_day(text)
    if kind == "timestamptz":
        return parse_moment(text)
    value: object = {"true": True, "false": False}.get(text) if kind == "boolean" else None
    if kind in ("int", "long") and text.removeprefix("-").isdecimal():
        value = int(text)
    _encoded(name, kind, text if value is None else value)
    return value  # type: ignore[return-value]


def _encoded_column(kind: str, column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "string":
        escaped = pc.replace_substring(column.cast(pa.binary()), pattern=_ZERO, replacement=_ESCAPED)
        return pc.binary_join_element_wise(escaped, b"", _END)
    if kind == "boolean":
        return _of_width(column.cast(pa.uint8()).to_numpy(), 1)
    whole = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()) if kind == "timestamptz" else column
    signed = whole.cast(pa.int32() if kind == "date" else pa.int64()).to_numpy()
    width = WIDTHS[kind]
    return _of_width((signed.view(f"u{width}") ^ (1 << (8 * width - 1))).astype(f">u{width}"), width)


def _of_width(numbers: "np.ndarray[tuple[int], np.dtype[np.unsignedinteger]]", width: int) -> "pa.Array":
    import pyarrow as pa

    content = pa.py_buffer(np.ascontiguousarray(numbers))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(numbers), [None, content]).cast(pa.binary())
