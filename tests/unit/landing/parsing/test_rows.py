"""Rows of Parquet: whole columns parse to the same as their rows as JSON, whatever the physical types."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.support.parsed_rows import kept
from tests.unit.landing.parsing.test_lines import IMPRESSIONS, LANDED, PLAYS, SHOWN

from matinee.contracts.model import Contract
from matinee.landing.parsing.lines import parse_lines
from matinee.landing.parsing.row_text import row_texts
from matinee.landing.parsing.rows import parse_rows
from matinee.landing.parsing.text import NO_TEXT

START = datetime(2026, 3, 1, 12, 5, 0, 123456, tzinfo=UTC)
MICROS = 1772366700123456
UTF8_OR_NOT = [b"p\xc3\xa9", b"p\xff", b"\xed\xa0\x80", None, b"", b" ", NO_TEXT.encode()]


def plays(**columns: pa.Array) -> pa.RecordBatch:
    """Plays that are good but for some columns."""
    count = len(next(iter(columns.values())))
    whole = {name: pa.array([name] * count) for name in ("play_id", "profile_id", "title_id")}
    return pa.record_batch(whole | {"start_ts": pa.array([START] * count)} | columns)


def shown(**columns: pa.Array) -> pa.RecordBatch:
    """Impressions that are good but for some columns."""
    count = len(next(iter(columns.values())))
    return pa.record_batch({name: pa.array([value] * count) for name, value in SHOWN.items()} | columns)


def texts(kind: pa.DataType) -> pa.Array:
    return pa.array(
        [None if text is None else text.decode() for text in UTF8_OR_NOT if text in {None, b"", b" "}], kind
    )


def repeated(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with their texts as dictionaries, as they are read from a file whose texts repeat."""
    columns = [column.dictionary_encode() if pa.types.is_string(column.type) else column for column in rows.columns]
    return pa.RecordBatch.from_arrays(columns, rows.schema.names)


ROWS: list[tuple[Contract, pa.RecordBatch]] = [
    *(
        (PLAYS, plays(play_id=pa.array(UTF8_OR_NOT, kind)))
        for kind in (pa.binary(), pa.large_binary(), pa.binary_view())
    ),
    *((PLAYS, plays(play_id=texts(kind))) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    (PLAYS, plays(play_id=pa.array([b"abcd", b"ab\xff\xff"], pa.binary(4)))),
    (PLAYS, plays(play_id=pa.array(["a", "b", None, "a", " "]).dictionary_encode())),
    (PLAYS, plays(play_id=pa.array([1, None]))),
    (PLAYS, plays(play_id=pa.nulls(2))),
    (PLAYS, plays(play_id=pa.array([["a"], None]))),
    *(
        (PLAYS, plays(start_ts=pa.array([MICROS * scale, None, -1, 0], pa.timestamp(unit, zone))))
        for unit, scale in (("us", 1), ("ns", 1000))
        for zone in (None, "UTC", "Europe/Berlin")
    ),
    (PLAYS, plays(start_ts=pa.array([MICROS * 1000 + 999, -1, 946684800 * 10**9 - 1], pa.timestamp("ns")))),
    (PLAYS, plays(start_ts=pa.array([MICROS // 1000, None, -1, -62167219200001], pa.timestamp("ms")))),
    (PLAYS, plays(start_ts=pa.array([253402300799999999, 253402300800000000, -62167219200000001], pa.timestamp("us")))),
    (PLAYS, plays(start_ts=pa.array([2**63 - 1, -(2**63)], pa.timestamp("us")))),
    (PLAYS, plays(start_ts=pa.array(["2026-03-01T12:05:00Z", "2026-03-01T12:05:00.123456789+05:30", "now", None, ""]))),
    (PLAYS, plays(start_ts=pa.array([date(2026, 3, 1), None]))),
    (PLAYS, plays(start_ts=pa.array([MICROS, None]))),
    (PLAYS, plays(received_ts=pa.array([START, None, LANDED, datetime(2027, 1, 1, tzinfo=UTC)]))),
    (PLAYS, plays(duration_s=pa.array([0.1, -0.0, -0.1, None, 1e9, 1e10, float("nan"), float("inf"), -float("inf")]))),
    (PLAYS, plays(duration_s=pa.array([0.1, 16777216.0, 3e-5, None, float("nan"), 123456.78], pa.float32()))),
    (PLAYS, plays(duration_s=pa.array([1, None, -1, 2**53 + 1]))),
    (PLAYS, plays(duration_s=pa.array([1, 2**64 - 1], pa.uint64()))),
    (
        PLAYS,
        plays(duration_s=pa.array([Decimal("1.50"), None, Decimal("-0.01")], pa.decimal128(9, 2))),
    ),
    (PLAYS, plays(duration_s=pa.array(["1", None]))),
    (PLAYS, plays(duration_s=pa.array([True, None]))),
    *(
        (IMPRESSIONS, shown(row=pa.array([1, 0, None, 127], kind)))
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    ),
    (IMPRESSIONS, shown(row=pa.array([2**31 - 1, 2**31, -(2**31) - 1]))),
    (IMPRESSIONS, shown(row=pa.array([1.0, None]))),
    (IMPRESSIONS, shown(row=pa.array([Decimal(1), None], pa.decimal128(3, 0)))),
    (IMPRESSIONS, shown(row=pa.array([Decimal("1.0"), None], pa.decimal128(3, 1)))),
    (PLAYS, plays(ab=pa.array(["x", None, ""]), file=pa.array([1, 2, None]), event_day=pa.nulls(3))),
    (PLAYS, plays(by=pa.array([[("k", 1)], [("k", 1), ("k", 2)], None], pa.map_(pa.string(), pa.int32())))),
    (PLAYS, plays(by=pa.array([[(1, None)], None], pa.map_(pa.int32(), pa.int32())))),
    (PLAYS, plays(extra=pa.array([{"a": [1, None], "b": None}, None, {"a": None, "b": float("nan")}]))),
    (PLAYS, plays(extra=pa.array([[{"a": START}], []], pa.list_(pa.struct([("a", pa.timestamp("us", "UTC"))]))))),
    (PLAYS, plays(note=pa.array(['"\\\b\t\n\f\r\x00\x1f\x7f/☂\U0001f3ac'])).slice(0, 1)),
]


@pytest.mark.parametrize(("contract", "rows"), ROWS)
def test_columns_say_what_their_rows_say_as_json(contract: Contract, rows: pa.RecordBatch) -> None:
    lines = row_texts(rows)
    expected = parse_lines(contract, "f", lines, 5, LANDED)
    for same in (rows, repeated(rows)):
        parsed = pa.Table.from_batches([parse_rows(contract, "f", same, 5, LANDED)])
        assert kept(parsed.cast(expected.schema)).equals(kept(expected))


def test_a_null_among_the_texts_of_a_dictionary_is_no_text() -> None:
    names = pa.DictionaryArray.from_arrays([0, 1, None], pa.array(["a", None]))
    parsed = parse_rows(PLAYS, "f", plays(play_id=names), 1, LANDED)
    assert parsed["reason"].to_pylist() == [None, "missing_play_id", "missing_play_id"]


def test_a_dictionary_whose_texts_are_judged_stays_a_dictionary() -> None:
    names = pa.array(["a", "b", NO_TEXT, "a"]).dictionary_encode()
    [good, odd] = [
        parse_rows(PLAYS, "f", plays(play_id=some), 1, LANDED)["play_id"] for some in (names.slice(0, 2), names)
    ]
    assert (good.type, odd.type) == (names.type, names.type)
    assert odd.to_pylist() == ["a", "b", None, "a"]


def test_rows_of_a_slice_are_those_rows() -> None:
    rows = plays(play_id=pa.array(["a", "b", None, " ", "é"]), ab=pa.array([None, 1, 2, None, 3]))
    whole = parse_rows(PLAYS, "f", rows, 1, LANDED)
    assert parse_rows(PLAYS, "f", rows.slice(1, 3), 2, LANDED).equals(whole.slice(1, 3))


def test_a_row_as_text_leaves_nulls_out_and_says_instants_in_utc() -> None:
    columns: dict[str, Any] = {
        "at": pa.array([MICROS * 1000 + 999], pa.timestamp("ns", "Europe/Berlin")),
        "wall": pa.array([MICROS], pa.timestamp("us")),
        "day": pa.array([date(2026, 3, 1)]),
        "none": pa.nulls(1),
        "bytes": pa.array([b"\xff"]),
        "number": pa.array([0.1], pa.float32()),
        "nan": pa.array([np.nan]),
        "exact": pa.array([Decimal("1.50")]),
        "flag": pa.array([True]),
        "inner": pa.array([{"a": None, "b": [None, "x"]}]),
        "map": pa.array([[("k", None)]], pa.map_(pa.string(), pa.string())),
    }
    assert json.loads(row_texts(pa.record_batch(columns))[0]) == {
        "at": "2026-03-01T12:05:00.123456Z",
        "wall": "2026-03-01T12:05:00.123456Z",
        "day": "2026-03-01",
        "bytes": f"{NO_TEXT}/w==",
        "number": 0.1,
        "nan": "NaN",
        "exact": 1.5,
        "flag": True,
        "inner": {"b": [None, "x"]},
        "map": {"k": None},
    }


def test_what_the_parser_before_took_otherwise() -> None:
    """Each key says how the engine's own JSON parser read the case; no other difference is known."""
    cases = {
        "minus zero, which stayed minus zero": (b'"duration_s":-0e0', None),
        "a thousand digits behind a point, which was a number": (b'"duration_s":0.' + b"3" * 1000, "malformed_json"),
    }
    for line, reason in cases.values():
        [row] = parse_lines(
            PLAYS, "f", [row_texts(plays(ab=pa.nulls(1)))[0][:-1] + b"," + line + b"}"], 1, LANDED
        ).to_pylist()
        assert (row["reason"], str(row["duration_s"])) == (reason, "None" if reason else "0.0")
    # In a text column with bytes that are not UTF-8, the engine's parser put U+FFFD for each such byte.
    broken = pa.array([b"p\xff"]).view(pa.string())
    assert parse_rows(PLAYS, "f", plays(play_id=broken), 1, LANDED)["reason"].to_pylist() == ["wrong_type_play_id"]


def test_a_name_that_stands_twice_is_no_row() -> None:
    twice = pa.RecordBatch.from_arrays([*plays(play_id=pa.array(["a"])).columns, pa.array(["b"])], names=[
        "play_id", "profile_id", "title_id", "start_ts", "play_id"
    ])  # fmt: skip
    assert parse_rows(PLAYS, "f", twice, 1, LANDED)["reason"].to_pylist() == ["malformed_json"]


def test_no_rows_are_no_rows() -> None:
    assert parse_rows(PLAYS, "f", plays(play_id=pa.array([], pa.string())), 1, LANDED).num_rows == 0


BEYOND = (2**31 - 1, -(2**31))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([20513, *BEYOND], pa.int32()).cast(pa.date32()),
        pa.array([1, 2**63 - 1, -5]).cast(pa.time64("us")),
        pa.array([1, 2**62, -(2**62)], pa.duration("s")),
        pa.array([1, 2**63 - 1, -(2**63)], pa.duration("us")),
    ],
    ids=lambda column: str(column.type),
)
def test_values_beyond_the_calendar_are_told_by_their_numbers(column: pa.Array) -> None:
    rows = plays(device=column)
    [good, *beyond] = [json.loads(text)["device"] for text in row_texts(rows)]
    assert good == json.loads(row_texts(rows.slice(0, 1))[0])["device"]
    assert len(set(beyond)) == 2
    assert parse_rows(PLAYS, "f", rows, 1, LANDED)["reason"].to_pylist() == [None] * 3
