"""A row of columns as JSON text: what a producer would have sent as a line, and what the quarantine keeps of the row.

Nulls are left out of objects. Instants are in UTC to the microsecond, finer ones cut. Bytes are the text that they are
in UTF-8, else NO_TEXT and Base64. Numbers have their shortest text; NaN and the infinities are texts, as JSON has none.
"""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from matinee.landing.parsing.text import text_of
from matinee.short_lived import pandas

if TYPE_CHECKING:
    import pyarrow as pa

# JSON needs these escapes and no others.
_ESCAPES = {code: f"\\u{code:04X}" for code in range(0x20)}
_ESCAPES |= {ord(raw): f"\\{letter}" for raw, letter in zip('"\\\b\t\n\f\r', '"\\btnfr', strict=True)}
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def row_texts(rows: "pa.RecordBatch") -> list[bytes]:
    """Return each row as one JSON object."""
    columns = [_json(column) for column in rows.columns]
    names = [_quoted(name) for name in rows.schema.names]
    return [_object(names, values).encode() for values in _rows(columns, rows.num_rows)]


def _rows(columns: list[list[str | None]], count: int) -> Iterable[Sequence[str | None]]:
    return zip(*columns, strict=True) if columns else [()] * count


def _object(names: Sequence[str], values: Sequence[str | None]) -> str:
    """Return an object of members whose names are quoted already."""
    members = [f"{name}:{value}" for name, value in zip(names, values, strict=True) if value is not None]
    return "{" + ",".join(members) + "}"


def _quoted(text: str) -> str:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'  # Most texts need no escapes; to translate them takes ten times as long.
    return f'"{text.translate(_ESCAPES)}"'


def _json(column: "pa.Array") -> list[str | None]:
    """Return each value of a column as JSON; None: it is null."""
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _json(column.storage)
    if kinds.is_dictionary(kind):
        return _json(column.dictionary_decode())
    if kinds.is_struct(kind):
        fields = [_json(column.field(number)) for number in range(kind.num_fields)]
        names = [_quoted(kind.field(number).name) for number in range(kind.num_fields)]
        texts = [_object(names, values) for values in _rows(fields, len(column))]
        return [text if is_there else None for text, is_there in zip(texts, column.is_valid().to_pylist(), strict=True)]
    if kinds.is_map(kind):
        return [None if scalar.values is None else _map(scalar.values) for scalar in column]
    if kinds.is_nested(kind):
        return [None if scalar.values is None else _list(scalar.values) for scalar in column]
    return _plain(column)


def _list(values: "pa.Array") -> str:
    return "[" + ",".join(text or "null" for text in _json(values)) + "]"


def _map(entries: "pa.StructArray") -> str:
    keys, values = _json(entries.field(0)), _json(entries.field(1))
    # A name is a text, whatever the key is.
    names = [key if key and key.startswith('"') else _quoted(key or "null") for key in keys]
    return "{" + ",".join(f"{name}:{value or 'null'}" for name, value in zip(names, values, strict=True)) + "}"


def _plain(column: "pa.Array") -> list[str | None]:
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_timestamp(kind):
        return _instants(column)
    if holds_bytes(kind):
        texts = (None if value is None else text_of(value) for value in column.cast(pa.large_binary()).to_pylist())
        return [None if text is None else _quoted(text) for text in texts]
    if kinds.is_floating(kind):
        numbers = column.to_numpy(zero_copy_only=False)
        there = column.is_valid().to_pylist()
        return [_number(number) if is_there else None for number, is_there in zip(numbers, there, strict=True)]
    if kinds.is_boolean(kind):
        return [None if value is None else json.dumps(value) for value in column.to_pylist()]
    values = [None if value is None else str(value) for value in _readable(column)]
    if kinds.is_integer(kind) or kinds.is_decimal(kind):
        return values
    return [None if value is None else _quoted(value) for value in values]


def _readable(column: "pa.Array") -> Sequence[object]:
    """Return values as objects of Python; PyArrow needs pandas for nanoseconds, which may not be installed."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_duration(column.type) and column.type.unit == "ns":
        ticks, duration = column.cast(pa.int64()).to_pylist(), pandas().Timedelta
        return [None if tick is None else duration(tick, unit="ns") for tick in ticks]
    if kinds.is_time64(column.type):
        column = column.cast(pa.time64("us"), safe=False)
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_object_or_ticks(value) for value in column]


def _object_or_ticks(value: "pa.Scalar") -> object:
    """Return a day, time or length as Python's object; a value beyond the range of Python's objects as its number."""
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return value.value


def _number(number: np.floating) -> str:
    if np.isfinite(number):
        return str(number)
    return '"NaN"' if np.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'


def _instants(column: "pa.Array") -> list[str | None]:
    import pyarrow as pa

    ticks = column.cast(pa.int64()).to_pylist()
    scale = _NANOSECONDS[column.type.unit]
    # Times beyond the calendar are clipped: they are read as no time all the same.
    micros = (None if tick is None else max(-(1 << 62), min(tick * scale // 1000, 1 << 62)) for tick in ticks)
    return [None if instant is None else f'"{np.datetime64(instant, "us")}Z"' for instant in micros]


def holds_bytes(kind: "pa.DataType") -> bool:
    """Whether values of a type are text or bytes."""
    import pyarrow.types as kinds

    return any(
        is_kind(kind)
        for is_kind in (
            *(kinds.is_string, kinds.is_large_string, kinds.is_string_view),
            *(kinds.is_binary, kinds.is_large_binary, kinds.is_binary_view, kinds.is_fixed_size_binary),
        )
    )
