"""The value of a field: its JSON value, strictly converted by the type of its column, or none.

Texts are `str`, whole numbers and instants (microseconds since 1970, UTC) and days (since 1970) `int`, others `float`.
Lists are lists of them, structs dictionaries; null is None.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from matinee.contracts.model import Column
from matinee.landing.parsing.text import Json, Number, has_half

Value: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any]

DAY_US = 86_400_000_000
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# `$` of Java: one end of a line may follow.
_END = r"(?:\r\n|[\n\r])?\Z"
_DATE = r"(\d{4})-(\d{2})-(\d{2})"
_DAY = re.compile(_DATE + _END, re.ASCII)
_INSTANT = re.compile(
    rf"{_DATE}T(\d{{2}}):(\d{{2}}):(\d{{2}})(?:\.(\d{{1,9}}))?(?:Z|([+-])(\d{{2}}):?(\d{{2}})){_END}", re.ASCII
)
_BITS = {"int": 31, "long": 63}
#: The farthest that an offset may be from UTC, in minutes.
_MAX_OFFSET = 18 * 60


def value_of(column: Column, json_value: Json) -> Value | None:
    """Return the value of a field by its column; None: the JSON value is null, or not of the column's type."""
    kind = column.type
    if type(json_value) is str:
        if kind == "string":
            return None if has_half(json_value) else json_value
        if kind == "timestamptz":
            return _instant(json_value)
        return _day(json_value) if kind == "date" else None
    if isinstance(json_value, Number):
        return _real(json_value) if kind == "double" else _whole(kind, json_value)
    if isinstance(json_value, list) and column.items:
        return _all_right([(column.items, item) for item in json_value])
    if isinstance(json_value, dict) and column.fields:
        values = _all_right([(field, json_value.get(field.name)) for field in column.fields])
        return None if values is None else dict(zip((field.name for field in column.fields), values, strict=True))
    return json_value if isinstance(json_value, bool) and kind == "boolean" else None


def unknown_within(column: Column, json_value: Json) -> Iterator[str]:
    """Yield the names within a value that its column lacks, each as a path: `address.zip`."""
    if isinstance(json_value, list) and column.items:
        for item in json_value:
            yield from unknown_within(column.items, item)
    if isinstance(json_value, dict) and column.fields:
        yield from json_value.keys() - {field.name for field in column.fields}
        for field in column.fields:
            yield from (f"{field.name}.{name}" for name in unknown_within(field, json_value.get(field.name)))


def _all_right(held: list[tuple[Column, Json]]) -> list[Value | None] | None:
    """Return the inner values of a list or struct; None: one is wrong, or null where its column is required."""
    values = [value_of(column, json_value) for column, json_value in held]
    is_right = all(
        value is not None or (json_value is None and not column.required)
        for (column, json_value), value in zip(held, values, strict=True)
    )
    return values if is_right else None


def micros(moment: datetime) -> int:
    """Return the microseconds from 1970 to an instant."""
    return (moment - _EPOCH) // _MICROSECOND


def _whole(kind: str, text: str) -> int | None:
    # 19 digits and a sign: a longer number has more bits, and costs time to read.
    if kind not in _BITS or len(text) > 20 or not text.removeprefix("-").isdigit():
        return None
    number, bits = int(text), _BITS[kind]
    return number if -(1 << bits) <= number < 1 << bits else None


def _real(text: str) -> float | None:
    number = float(text)
    # Minus zero is zero.
    return number + 0.0 if abs(number) < float("inf") else None


def _instant(text: str) -> int | None:
    match = _INSTANT.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, ahead, rest = match.groups()
    days = _days(int(year), int(month), int(day))
    offset = int(ahead or 0) * 60 + int(rest or 0)
    is_time = int(hour) < 24 and int(minute) < 60 and int(second) < 60
    if days is None or not is_time or int(rest or 0) > 59 or offset > _MAX_OFFSET:
        return None
    minutes = int(hour) * 60 + int(minute) + (offset if sign == "-" else -offset)
    return days * DAY_US + (minutes * 60 + int(second)) * 1_000_000 + int((fraction or "")[:6].ljust(6, "0"))


def _day(text: str) -> int | None:
    match = _DAY.match(text)
    return _days(*map(int, match.groups())) if match else None


def _days(year: int, month: int, day: int) -> int | None:
    # Python's calendar begins with the year 1; the year 0 has the calendar of the year 400.
    try:
        first = date(year or 400, month, day).toordinal() - _EPOCH.toordinal()
    except ValueError:
        return None
    return first if year else first - 146_097
