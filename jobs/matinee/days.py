"""Event days: half-open UTC days `[d, d+1)`, their ranges and the durations that reach across them.

Arithmetic ends where the calendar ends: an event of 9999-12-31 reaches as far as there are days, without an error.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from matinee.errors import UsageError

_DURATION = re.compile(r"^(\d+)(ms|s|m|h|d)$")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
MICROSECOND = timedelta(microseconds=1)
LAST_INSTANT = timedelta(days=1) - MICROSECOND
#: The days that landing takes: a year from both ends of the calendar, so that windows around them are days too.
FIRST_DAY, LAST_DAY = date(2, 1, 1), date(9998, 12, 31)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_day(text: str) -> date:
    """Return the day of `YYYY-MM-DD`.

    Raises:
        UsageError: the text is not a day in that form, or a day that landing does not take.
    """
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        day = date.fromisoformat(text)
        if not FIRST_DAY <= day <= LAST_DAY:
            raise ValueError(text)
    except ValueError as error:
        raise UsageError(
            f"'{text}' is not an event day.",
            next_step=f"Give a UTC day from {FIRST_DAY} to {LAST_DAY} as YYYY-MM-DD.",
            facts={"value": text},
        ) from error
    return day


def parse_moment(text: str) -> datetime:
    """Return the instant of an ISO 8601 time with its offset.

    Raises:
        UsageError: the text is not such a time.
    """
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise UsageError(f"'{text}' is not a time with its offset.", next_step="Write 2026-03-01T02:00Z, for example.")


def parse_duration(text: str) -> timedelta:
    """Return the length of `24h`, `40d`, `90m`, `0s` or `250ms`.

    Raises:
        UsageError: the text is not a whole number with one of those units.
    """
    match = _DURATION.match(text)
    if match is None:
        raise UsageError(
            f"'{text}' is not a duration.",
            next_step="Write a whole number and a unit: 250ms, 30s, 15m, 24h or 40d.",
            facts={"value": text},
        )
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise UsageError(f"'{text}' is too long.", next_step="Write a shorter duration.") from error


def start_of(day: date) -> datetime:
    """Return the first instant of the day, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def end_of(day: date) -> datetime:
    """Return the first instant after the day, UTC: days are half-open."""
    return shifted(start_of(day), timedelta(days=1))


def shifted(moment: datetime, length: timedelta) -> datetime:
    """Return an instant later by a length, or the calendar's first or last instant where it lies beyond."""
    try:
        return moment + length
    except OverflowError:
        return start_of(date.min) if length < timedelta(0) else start_of(date.max) + LAST_INSTANT


def instant_of(micros: int) -> datetime:
    """Return the instant that is so many microseconds after 1970 began, or the calendar's first or last instant."""
    return shifted(_EPOCH, timedelta(microseconds=micros))


def instant_of_millis(millis: int) -> datetime:
    """Return the instant that lies so many milliseconds after the start of 1970; see `instant_of`."""
    return instant_of(1000 * millis)


def micros_of(moment: datetime) -> int:
    """Return how many microseconds after 1970 began an instant is."""
    return (moment - _EPOCH) // MICROSECOND


def day_of(number: int) -> date:
    """Return the day that is so many days after 1970-01-01, or the calendar's first or last day."""
    return shifted(_EPOCH, timedelta(days=number)).date()


def day_range(first: date, last: date) -> Iterator[date]:
    """Yield each day from first to last, both included; nothing when last is before first."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def reach_back(first: date, length: timedelta) -> date:
    """Return the earliest day that events `length` before the start of `first` can fall on."""
    return shifted(start_of(first), -length).date()


def reach_ahead(last: date, length: timedelta) -> date:
    """Return the latest day that events `length` after an event of `last` can fall on."""
    return shifted(start_of(last) + LAST_INSTANT, length).date()
