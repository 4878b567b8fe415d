"""The value of a field: what its JSON can be by the type of its column, strictly, or none.

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


def value_of(column: Column, found: Json) -> Value | None:
    """Return the value of a field by its column; None: it has none of that type."""
    kind = column.type
    if type(found) is str:
        if kind == "string":
            return None if has_half(found) else found
        if kind == "timestamptz":
            return _instant(found)
        return _day(found) if kind == "date" else None
    if isinstance(found, Number):
        return _real(found) if kind == "double" else _whole(kind, found)
    if isinstance(found, list) and column.items:
        return _all_right([(column.items, item) for item in found])
    if isinstance(found, dict) and column.fields:
        values = _all_right([(field, found.get(field.name)) for field in column.fields])
        return None if values is None else dict(zip((field.name for field in column.fields), values, strict=True))
    return found if isinstance(found, bool) and kind == "boolean" else None


def unknown_within(column: Column, found: Json) -> Iterator[str]:
    """Yield the names within a value that its column lacks, each behind the names that lead to it: `address.zip`."""
    if isinstance(found, list) and column.items:
        for item in found:
            yield from unknown_within(column.items, item)
    if isinstance(found, dict) and column.fields:
        yield from found.keys() - {field.name for field in column.fields}
        for field in column.fields:
            yield from (f"{field.name}.{name}" for name in unknown_within(field, found.get(field.name)))


def _all_right(held: list[tuple[Column, Json]]) -> list[Value | None] | None:
    """Return the values that are within another one; None: one of them is wrong, or null and may not be."""
    values = [value_of(column, found) for column, found in held]
    is_right = all(
        value is not None or (found is None and not column.required)
        for (column, found), value in zip(held, values, strict=True)
    )
    return values if is_right else None


def micros(moment: datetime) -> int:
    """Return the microseconds from 1970 to an instant."""
    return (moment - _EPOCH) // _MICROSECOND


def _whole(kind: str, text: str) -> int | None:
    # 19 digits and a sign: what is longer has more bits, and costs time to read.
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
    # Python's calendar begins with the year 1; the year 0 is as the year 400.
    try:
        first = date(year or 400, month, day).toordinal() - _EPOCH.toordinal()
    except ValueError:
        return None
    return first if year else first - 146_097
