"""Parsed rows as columns: what was proven and what was judged of one batch, put together in its order.

A parsed row has `file`, `line`, `landed_ts`, `reason` (null: it is good), `payload` (of a bad one: its text as UTF-8),
`unknown` (names that the contract lacks; null: it is no object), the fields of the contract, its day. A bad row has a
received time; its other fields and its day may hold any value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from matinee.contracts.model import RECEIVED, Contract
from matinee.landing.parsing.judge import Judged, judge_of, landed_fields
from matinee.landing.parsing.rules import Flags, Numbers, arrow_type, arrow_type_of, flags, keeps

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Proven:
    """What was proven of the rows of a batch.

    Attributes:
        is_good: whether each row has the shape that the contract wants.
        columns: the contract's fields, one value a row; any value for a row that is not proven.
        unknown: the names that the contract lacks, by the place of their row; only rows that have such names.
    """

    is_good: Flags
    columns: "dict[str, pa.Array]"
    unknown: dict[int, list[str]]


@cache
def parsed_schema(contract: Contract) -> "pa.Schema":
    """Return the columns of parsed rows."""
    import pyarrow as pa

    about = {"file": pa.string(), "line": pa.int64(), "landed_ts": arrow_type("timestamptz"), "reason": pa.string()}
    names = {"payload": pa.string(), "unknown": pa.list_(pa.string())}
    fields = {field.name: arrow_type_of(field) for field in landed_fields(contract)}
    return pa.schema(about | names | fields | {contract.day_column or "": pa.date32()})


def about_rows(
    file: str, first: int, count: int, landed_at: datetime, open_line: int | None = None
) -> "pa.RecordBatch":
    """Return `file`, `line`, `landed_ts` and `is_open` of rows that follow each other in a file."""
    import pyarrow as pa

    lines = np.arange(first, first + count)
    is_open = lines == open_line if open_line is not None else np.zeros(count, bool)
    return _about(pa.repeat(file, count), lines, is_open, landed_at)


def about_files(files: Sequence[tuple[str, int, bool]], landed_at: datetime) -> "pa.RecordBatch":
    """Return `file`, `line`, `landed_ts` and `is_open` of whole files: of each its name, how many lines it has, and
    whether its writer may not have ended the last one.
    """
    import pyarrow as pa

    counts = np.array([count for _, count, _ in files], np.int64)
    ends = counts.cumsum()
    lines = np.arange(1, counts.sum() + 1) - np.repeat(ends - counts, counts)
    is_open = np.zeros(len(lines), bool)
    is_open[[end - 1 for end, (_, _, cut) in zip(ends.tolist(), files, strict=True) if cut]] = True
    names = pa.array([file for file, _, _ in files], pa.string()).take(
        pa.array(np.repeat(np.arange(len(files)), counts))
    )
    return _about(names, lines, is_open, landed_at)


def _about(files: "pa.Array", lines: Numbers, is_open: Flags, landed_at: datetime) -> "pa.RecordBatch":
    import pyarrow as pa

    landed = pa.repeat(pa.scalar(landed_at, arrow_type("timestamptz")), len(lines))
    return pa.record_batch({"file": files, "line": pa.array(lines), "landed_ts": landed, "is_open": pa.array(is_open)})


def put_together(
    contract: Contract,
    about: "pa.RecordBatch",
    proven: Proven,
    texts_of: Callable[[Sequence[int]], Sequence[bytes]],
) -> "pa.RecordBatch":
    """Return parsed rows; those that are not proven, or may break a rule, are judged.

    Args:
        contract: of a raw dataset.
        about: `file`, `line` and `landed_ts` of each row, and `is_open`: its writer may not have ended it.
        proven: what the rows' columns are, and which have the shape that the contract wants.
        texts_of: returns the JSON of the rows at some places.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    landed: Numbers = about["landed_ts"].cast(pa.int64()).to_numpy()
    received = proven.columns[RECEIVED]
    columns = proven.columns | {RECEIVED: pc.coalesce(received, about["landed_ts"])}
    places = np.flatnonzero(~(proven.is_good & keeps(contract, columns, landed))).tolist()
    texts, judge = dict(zip(places, texts_of(places), strict=True)) if places else {}, judge_of(contract)
    is_open = flags(about["is_open"])
    judged = {
        place: judge.judge(text, int(landed[place]), is_open=bool(is_open[place])) for place, text in texts.items()
    }
    bad = {place: row.reason for place, row in judged.items() if row.reason is not None}
    parsed = {name: about[name] for name in ("file", "line", "landed_ts")}
    parsed["reason"] = _sparse(bad, about.num_rows)
    parsed["payload"] = _sparse({place: texts[place].decode(errors="replace") for place in bad}, about.num_rows)
    parsed["unknown"] = _unknown(proven, judged, about.num_rows)
    parsed |= _replaced(columns, judged)
    parsed[contract.day_column or ""] = parsed[contract.event_time].cast(pa.date32())
    return pa.record_batch({name: parsed[name] for name in parsed_schema(contract).names})


def _replaced(columns: "Mapping[str, pa.Array]", judged: Mapping[int, Judged]) -> "Mapping[str, pa.Array]":
    """Return columns with the values of judged rows: of bad rows the received time alone, the only one that is kept."""
    import pyarrow as pa

    replaced, good = {}, {place: row for place, row in judged.items() if row.reason is None}
    for name, column in columns.items():
        rows = judged if name == RECEIVED else good
        if not rows:
            replaced[name] = column
            continue
        is_dictionary, places = isinstance(column, pa.DictionaryArray), np.array([*rows])
        proven = column.take(pa.array(places))
        proven = proven.dictionary_decode() if is_dictionary else proven
        values = pa.array([row.values.get(name) for row in rows.values()], proven.type)
        # Mostly the judged values equal the proven ones, except in rows that could not be read.
        if values.equals(proven):
            replaced[name] = column
            continue
        order = np.arange(len(column))
        order[places] = len(order) + np.arange(len(rows))
        whole = column.dictionary_decode() if is_dictionary else column
        taken = pa.concat_arrays([whole, values]).take(pa.array(order))
        replaced[name] = taken.dictionary_encode() if is_dictionary else taken
    return replaced


def _sparse(texts: Mapping[int, str], count: int) -> "pa.Array":
    import pyarrow as pa

    places = np.full(count, -1)
    places[list(texts)] = np.arange(len(texts))
    return pa.array([*texts.values()], pa.string()).take(pa.array(places, mask=places < 0))


def _unknown(proven: Proven, judged: Mapping[int, Judged], count: int) -> "pa.Array":
    import pyarrow as pa

    if not judged and not proven.unknown:
        return pa.ListArray.from_arrays(np.zeros(count + 1, np.int32), pa.array([], pa.string()))
    unknown: list[list[str] | None] = [[]] * count
    for place, names in proven.unknown.items():
        unknown[place] = names
    for place, row in judged.items():
        unknown[place] = row.unknown
    return pa.array(unknown, pa.list_(pa.string()))
