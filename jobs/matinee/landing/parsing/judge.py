"""The judge of one row: typed by the contract, or the one reason why it cannot be landed. Complete, in plain Python.

Reasons, the first that applies: `line_too_long`, `blank_line`, `array_of_objects`, `incomplete_last_line`,
`malformed_json`; for each field in the order of
the contract `missing_<field>`, `wrong_type_<field>`, `blank_<field>`; `day_out_of_range` (within a year of an end of
the calendar, where windows around the event have no days), `received_in_future` (more than AHEAD after it was landed),
`event_in_future` (more than a day after it was received), `before_earliest_event`; for each field
`out_of_range_<field>` (below its minimum: the reason that the contract names, if any), `not_allowed_<field>`.

Strict means that nothing is converted except a whole number to a double: "1" is no number and 1.0 no whole number. A
list or struct has the wrong type if one of its items or fields has the wrong type, or lacks a required value. A text
with half a surrogate pair is no text: the engine would make the same text of different halves. Times are ISO 8601 texts
with an offset; digits beyond the microsecond are cut. Parquet rows are judged in the same way, as JSON.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import NamedTuple

from matinee.contracts.column_types import is_list_of_scalars, within
from matinee.contracts.model import RECEIVED, Column, Contract
from matinee.days import FIRST_DAY, LAST_DAY, end_of, start_of
from matinee.landing.parsing.text import MAX_LINE, Json, is_blank, read_object
from matinee.landing.parsing.values import DAY_US, Value, micros, unknown_within, value_of
from matinee.sources.files.read import LongLine

#: Columns that landing itself fills beside the day, whatever a row has under these names.
OWN_COLUMNS = frozenset({"landing_seq", "file"})
_ARRAY_OF_OBJECTS = re.compile(r"[ \t\n\x0b\f\r]*\[[ \t\n\x0b\f\r]*\{")
#: How far a producer's clock may be ahead of the landing: a stated received time may not be later than that.
AHEAD = timedelta(minutes=10)
AHEAD_US = AHEAD // timedelta(microseconds=1)


class Judged(NamedTuple):
    """One row: its reason (None: it is good), its names that the contract lacks (None: it is no object), its values.

    `values` has every field of the contract that is right by its type, also where the row is bad, and the received
    time: the row's own, else when it was landed.
    """

    reason: str | None
    unknown: list[str] | None
    values: dict[str, Value | None]


def landed_fields(contract: Contract) -> tuple[Column, ...]:
    """Return the columns that a producer fills."""
    own = OWN_COLUMNS | {contract.day_column}
    return tuple(column for column in contract.columns if column.name not in own)


class Judge:
    """Judges rows of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._fields = landed_fields(contract)
        self._names = frozenset(field.name for field in self._fields)
        self._structs = [field for field in self._fields if within(field) and not is_list_of_scalars(field)]
        self._bounded = [
            field for field in self._fields if (field.minimum, field.maximum, field.enum) != (None, None, ())
        ]
        self._event = contract.event_time
        self._first, self._end = micros(start_of(FIRST_DAY)), micros(end_of(LAST_DAY))
        self._earliest = micros(start_of(contract.earliest_event))

    def judge(self, line: bytes, landed: int, *, is_open: bool = False) -> Judged:
        """Judge a line.

        Args:
            line: one line of a file, or one record, without its end.
            landed: when it was landed, in microseconds since 1970.
            is_open: its writer may not have ended it.
        """
        if isinstance(line, LongLine):
            return Judged("line_too_long", None, {RECEIVED: landed})
        text = _text(line)
        record = None if text is None else read_object(text)
        if record is None:
            return Judged(_no_object(text, is_open=is_open), None, {RECEIVED: landed})
        values = {field.name: value_of(field, record.get(field.name)) for field in self._fields}
        reason = next(self._reasons(record, values, landed), None)
        unknown = record.keys() - self._names
        for field in self._structs:
            unknown |= {f"{field.name}.{name}" for name in unknown_within(field, record.get(field.name))}
        if values[RECEIVED] is None:
            values[RECEIVED] = landed
        return Judged(reason, sorted(unknown), values)

    def _reasons(self, record: Mapping[str, Json], values: Mapping[str, Value | None], landed: int) -> Iterator[str]:
        for field in self._fields:
            name, value = field.name, values[field.name]
            if value is None:
                if record.get(name) is not None:
                    yield f"wrong_type_{name}"
                elif field.required and name != RECEIVED:
                    yield f"missing_{name}"
            elif field.required and isinstance(value, str) and is_blank(value):
                # A blank identifier would merge all events that have none into one profile or title.
                yield f"blank_{name}"
        yield from self._reasons_of_time(values, landed)
        for field in self._bounded:
            yield from _reasons_of_range(field, values[field.name])

    def _reasons_of_time(self, values: Mapping[str, Value | None], landed: int) -> Iterator[str]:
        event, received = values[self._event], values[RECEIVED]
        received = received if isinstance(received, int) else landed
        if isinstance(event, int) and not self._first <= event < self._end:
            yield "day_out_of_range"
        if received > landed + AHEAD_US:
            yield "received_in_future"
        if isinstance(event, int) and event > received + DAY_US:
            yield "event_in_future"
        if isinstance(event, int) and event < self._earliest:
            yield "before_earliest_event"


@cache
def judge_of(contract: Contract) -> Judge:
    """Return the judge of a contract's rows: one for each process."""
    return Judge(contract)


def _text(line: bytes) -> str | None:
    try:
        return line.decode() if len(line) <= MAX_LINE else None
    except UnicodeDecodeError:
        return None


def _no_object(text: str | None, *, is_open: bool) -> str:
    if text is not None and is_blank(text):
        return "blank_line"
    if text is not None and _ARRAY_OF_OBJECTS.match(text):
        return "array_of_objects"
    return "incomplete_last_line" if is_open else "malformed_json"


def _reasons_of_range(field: Column, value: Value | None) -> Iterator[str]:
    if isinstance(value, int | float):
        if field.minimum is not None and value < field.minimum:
            yield field.below_minimum or f"out_of_range_{field.name}"
        if field.maximum is not None and value > field.maximum:
            yield f"out_of_range_{field.name}"
    if field.enum and value is not None and value not in field.enum:
        yield f"not_allowed_{field.name}"
