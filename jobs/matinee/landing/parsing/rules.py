"""The rules of a contract over whole columns: which rows surely keep them. Other rows are left to the judge.

Columns are Arrow arrays of the types of `arrow_type`; flags are arrays of booleans, one a row.
"""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from matinee.contracts.model import RECEIVED, Column, Contract
from matinee.days import FIRST_DAY, LAST_DAY, end_of, start_of
from matinee.landing.parsing.judge import AHEAD_US, landed_fields
from matinee.landing.parsing.values import DAY_US, micros

if TYPE_CHECKING:
    import pyarrow as pa

Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"
Numbers: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

_MONTH_AND_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
)
# Every fourth year is a leap year; full centuries are left to the judge.
_LEAP_DAY = r"\d\d(?:0[48]|[2468][048]|[13579][26])-02-29"
_DATE = rf"^(?:[12]\d{{3}}-{_MONTH_AND_DAY}|[12]{_LEAP_DAY[2:]})"
_CLOCK = r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-7]):?[0-5]\d)$"
#: Characters of an instant in UTC, to the second and to the microsecond: longer ones may have digits to cut.
_TO_THE_SECOND, _TO_THE_MICROSECOND = 20, 27


def arrow_type_of(column: Column) -> "pa.DataType":
    """Return the Arrow type of a column."""
    import pyarrow as pa

    if column.items:
        return pa.list_(arrow_type_of(column.items))
    if column.fields:
        return pa.struct([(field.name, arrow_type_of(field)) for field in column.fields])
    return arrow_type(column.type)


@cache
def arrow_type(kind: str) -> "pa.DataType":
    """Return the Arrow type of a type of `SCALAR_TYPES`."""
    import pyarrow as pa

    return {
        "string": pa.string(),
        "int": pa.int32(),
        "long": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamptz": pa.timestamp("us", "UTC"),
    }[kind]


def lengths(lists: "pa.Array") -> Numbers:
    """Return how many items lists have; null lists have none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counts: Numbers = pc.list_value_length(lists).fill_null(0).cast(pa.int64()).to_numpy()
    return counts


def listed(lists: "pa.Array", items: "pa.Array") -> "pa.Array":
    """Return lists with other items, as many in each list as before."""
    import pyarrow as pa

    offsets = np.append([0], np.cumsum(lengths(lists))).astype(np.int32)
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), items, mask=mask)


def drop_wrong(lists: "pa.Array", are_right: Flags, good: Flags) -> None:
    """Clear the flag of each row whose list has an item that is not right.

    Args:
        lists: one a row.
        are_right: for the items of all lists, in order, whether each is right.
        good: the flags of the rows, changed in place.
    """
    if not are_right.all():
        good[np.repeat(np.arange(len(lists)), lengths(lists))[~are_right]] = False


def flags(values: "pa.Array") -> Flags:
    """Return booleans as flags; null is false."""
    booleans: Flags = values.fill_null(False).to_numpy(zero_copy_only=False)
    return booleans


def times(texts: "pa.Array", kind: str) -> "pa.Array":
    """Return the instants or days that texts surely are; null: a text may be none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "timestamptz":
        plain = _are_plain(texts)
        others = pa.array(~plain)
        with suppress(pa.ArrowInvalid):
            instants = (pc.if_else(others, None, texts) if not plain.all() else texts).cast(arrow_type(kind))
            return pc.replace_with_mask(instants, others, _matched(texts.filter(others), kind))
    return _matched(texts, kind)


def _matched(texts: "pa.Array", kind: str) -> "pa.Array":
    """Return the instants or days that texts surely are, by their patterns."""
    import pyarrow.compute as pc

    is_time = pc.match_substring_regex(texts, _DATE + (_CLOCK if kind == "timestamptz" else "$"))
    if not pc.all(is_time, min_count=0).as_py():
        texts = pc.if_else(is_time, texts, None)
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if kind == "timestamptz" and longest > _TO_THE_MICROSECOND:
        texts = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    return texts.cast(arrow_type(kind))


def _are_plain(texts: "pa.Array") -> Flags:
    """Return which texts Arrow reads as strictly as `_DATE` and `_CLOCK` say: null, or as `2026-03-01T12:00:00.5Z`."""
    _, ends, content = texts.buffers()
    offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    first, length = offsets[:-1], np.diff(offsets)
    plain: Flags = (length >= _TO_THE_SECOND) & (length <= _TO_THE_MICROSECOND)
    if content and content.size:
        data = np.frombuffer(content, np.uint8)
        first = np.where(plain, first, 0)
        digit, middle, last = (
            data[first],
            data[np.where(plain, first + 10, 0)],
            data[np.where(plain, offsets[1:] - 1, 0)],
        )
        plain &= ((digit == ord("1")) | (digit == ord("2"))) & (middle == ord("T")) & (last == ord("Z"))
    return plain | flags(texts.is_null())


def keeps(contract: Contract, columns: "Mapping[str, pa.Array]", landed: Numbers) -> Flags:
    """Return which rows keep every rule of a contract.

    Args:
        contract: of a raw dataset.
        columns: of its fields; the received time has no nulls.
        landed: when each row was landed, in microseconds since 1970.
    """
    import pyarrow as pa

    good = _times_keep(contract, columns, landed)
    for field in landed_fields(contract):
        column = columns[field.name]
        if field.required and column.null_count:
            good &= flags(column.is_valid())
        if isinstance(column, pa.DictionaryArray):
            kept = np.ones(len(column.dictionary), bool)
            _drop_broken(field, column.dictionary, kept)
            # A null has no index.
            good &= np.append(kept, True)[column.indices.fill_null(len(kept)).to_numpy()]
        else:
            _drop_broken(field, column, good)
    return good


def _times_keep(contract: Contract, columns: "Mapping[str, pa.Array]", landed: Numbers) -> Flags:
    event, received = columns[contract.event_time], _micros(columns[RECEIVED])
    at, first = _micros(event), micros(start_of(max(FIRST_DAY, contract.earliest_event)))
    good = (at >= first) & (at < micros(end_of(LAST_DAY))) & (at <= received + DAY_US) & (received <= landed + AHEAD_US)
    if event.null_count:
        good &= flags(event.is_valid())
    return good


def _drop_broken(field: Column, column: "pa.Array", good: Flags) -> None:
    """Clear the flags of the rows whose value is blank, out of range or not allowed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if field.required and field.type == "string":
        good &= _is_written(column)
    if field.minimum is not None:
        good &= ~flags(pc.less(column, field.minimum))
    if field.maximum is not None:
        good &= ~flags(pc.greater(column, field.maximum))
    if field.enum:
        good &= flags(pc.or_kleene(column.is_null(), pc.is_in(column, pa.array(field.enum))))


def _micros(times: "pa.Array") -> Numbers:
    import pyarrow as pa

    ticks: Numbers = times.cast(pa.int64()).fill_null(0).to_numpy()
    return ticks


def _is_written(texts: "pa.Array") -> Flags:
    """Return which texts begin neither with white space nor with an end of line of Unicode (C2 85, E2 80 A8, A9)."""
    _, ends, content = texts.buffers()
    offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if not content or not content.size:
        return np.zeros(len(texts), bool)
    data = np.frombuffer(content, np.uint8)
    first = data[np.minimum(offsets[:-1], data.size - 1)]
    written: Flags = (offsets[1:] > offsets[:-1]) & (first > 0x20) & (first != 0xC2) & (first != 0xE2)
    return written
