"""NDJSON by the column: every part of a line is an array of bytes, and the padding between them is squeezed out."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from matinee.sources.simulator.columns import DAY, NULL, SECOND, Array, Column, Frame, Kind, numbered

NULL_TEXT = b"null"
WRONG_TEXT = b'"unknown"'
QUOTED = (Kind.ID, Kind.CODE, Kind.INSTANT)


@dataclass(frozen=True)
class _Field:
    """The parts of one field in n lines, bytes of shape (n,), or one for all lines."""

    head: Array | bytes
    value: Array
    tail: Array | bytes


def encode_lines(frame: Frame, *, malformed: Array, wrong_type: Array, typed_field: str) -> bytes:
    """Return one JSON object a line.

    Args:
        frame: columns of n values; a required one that is missing leaves its field out, an optional one is `null`.
        malformed: which lines lack their closing brace, bool of shape (n,).
        wrong_type: in which lines `typed_field` holds a text, bool of shape (n,).
    """
    count = len(malformed)
    fields = {name: _encode(name, column) for name, column in frame.items()}
    typed = fields[typed_field]
    fields[typed_field] = _Field(typed.head, np.where(wrong_type, WRONG_TEXT, typed.value), typed.tail)
    last = len(fields) - 1
    parts: list[Array | bytes] = [b"{"]
    for place, field in enumerate(fields.values()):
        tail = field.tail if place < last else _without_comma(field.tail)
        parts += [field.head, field.value, tail]
    parts.append(np.where(malformed, b"\n", b"}\n") if malformed.any() else b"}\n")
    return _squeeze(parts, count)


def _encode(name: str, column: Column) -> _Field:
    quote = '"' if column.kind in QUOTED else ""
    head, tail = f'"{name}":{quote}'.encode(), f"{quote},".encode()
    value = _text(column)
    missing = column.missing()
    if not missing.any():
        return _Field(head, value, tail)
    if column.required:
        return _Field(np.where(missing, b"", head), np.where(missing, b"", value), np.where(missing, b"", tail))
    bare = f'"{name}":'.encode()
    return _Field(np.where(missing, bare, head), np.where(missing, NULL_TEXT, value), np.where(missing, b",", tail))


def _without_comma(tail: Array | bytes) -> Array | bytes:
    return tail.rstrip(b",") if isinstance(tail, bytes) else np.char.rstrip(tail, b",")


def _squeeze(parts: list[Array | bytes], count: int) -> bytes:
    """Join the parts of each line; no part holds a zero byte, so every zero byte is padding."""
    raw = _side_by_side(*(np.broadcast_to(np.asarray(part), (count,)) for part in parts)).view(np.uint8)
    return bytes(raw[raw != 0].tobytes())


def _text(column: Column) -> Array:
    """Return the bare values as bytes of shape (n,); a missing value is some text, too."""
    values = column.values
    match column.kind:
        case Kind.ID:
            return values
        case Kind.CODE:
            return np.asarray(column.words[np.where(values == NULL, 0, values)])
        case Kind.COUNT:
            known = np.where(values == NULL, 0, values)
            return np.asarray(numbered("", int(known.max(initial=0)) + 1, 1)[known])
        case Kind.INSTANT:
            return _instants(np.where(values == NULL, 0, values))
        case Kind.MILLISECONDS:
            return _seconds(np.where(values == NULL, 0, values))


def _instants(values: Array) -> Array:
    """Return `2026-03-01T09:05:03.000123Z` for microseconds since 1970."""
    # Few days, many values; a spoiled time of 1970 must not cost a name for every day since.
    days, day = np.unique(values // DAY, return_inverse=True)
    within = values % DAY
    thousand = numbered("", 1000, 3)
    return _side_by_side(
        np.datetime_as_string(days.astype("datetime64[D]")).astype("S10")[day],
        _clock()[within // SECOND],
        thousand[within // 1000 % 1000],
        np.char.add(thousand, b"Z")[within % 1000],
    )


def _seconds(values: Array) -> Array:
    """Return `-12.345` for -12345 ms."""
    size = np.abs(values)
    whole = np.char.add(numbered("", int(size.max(initial=0)) // 1000 + 1, 1), b".")
    sign = np.where(values < 0, b"-", b"")
    return _side_by_side(sign, whole[size // 1000], numbered("", 1000, 3)[size % 1000])


@lru_cache
def _clock() -> Array:
    """Return `T09:05:03.` for each second of a day."""
    return np.array([f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}." for s in range(86_400)], dtype="S10")


def _side_by_side(*parts: Array) -> Array:
    """Join the parts of each value; the padding between them stays until the line is squeezed."""
    names = [f"part{place}" for place in range(len(parts))]
    joined = np.empty(len(parts[0]), dtype=[(name, part.dtype) for name, part in zip(names, parts, strict=True)])
    for name, part in zip(names, parts, strict=True):
        joined[name] = part
    return np.asarray(joined.view(f"S{joined.dtype.itemsize}"))
