"""The value of a field: what its JSON can be by the type of its column, strictly, or none.

Texts are `str`, whole numbers and instants (microseconds since 1970, UTC) and days (since 1970) `int`, others `float`.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from matinee.landing.parsing.text import Json, Number, has_half

Value: TypeAlias = str | int | float | bool

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


def value_of(kind: str, found: Json) -> Value | None:
    """Return the value of a field whose column is of a type of `COLUMN_TYPES`; None: it has none of that type."""
    if type(found) is str:
        if kind == "string":
            return None if has_half(found) else found
        if kind == "timestamptz":
            return _instant(found)
        return _day(found) if kind == "date" else None
    if isinstance(found, Number):
        return _real(found) if kind == "double" else _whole(kind, found)
    return found if isinstance(found, bool) and kind == "boolean" else None


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
