"""Lines of files are judged in Python, records of a stream by the engine: both say the same of the same lines."""

import re
from datetime import UTC, datetime
from hashlib import sha256

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from tests.support.mutations import lines
from tests.support.nested import with_lists, with_structs
from tests.support.parsed_rows import OF_BAD_ROWS

from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.landing.parsing.lines import parse_lines
from matinee.landing.records import parse
from matinee.settings import CHECKOUT
from matinee.sources.files.read import HEAD_BYTES

pytestmark = pytest.mark.spark
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
COUNT, MAX_BYTES = 3000, 16 << 20
#: The one difference: numbers of so many digits are JSON to the engine, though no value.
ENDLESS = re.compile(rb"[0-9.]{1000,}")


REGISTRY = Registry.load(CHECKOUT / "sql")
IMPRESSIONS, PLAYS = REGISTRY.get("raw.impressions"), REGISTRY.get("raw.plays")
CONTRACTS = [IMPRESSIONS, PLAYS, with_lists(PLAYS), with_structs(PLAYS)]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.dataset)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_both_parsers_say_the_same(spark: SparkSession, contract: Contract, seed: int) -> None:
    written = [line for line in lines(contract, seed, COUNT) if not ENDLESS.search(line)]
    frame = spark.createDataFrame(
        pa.table(
            {
                "file": pa.repeat("f", len(written)),
                "line": pa.array(range(1, len(written) + 1)),
                "landed_ts": pa.repeat(pa.scalar(LANDED, pa.timestamp("us", "UTC")), len(written)),
                "payload": pa.array(written, pa.binary()),
            }
        )
    )
    streamed = (
        parse(frame.withColumn("payload", frame.payload.cast("string")), contract, MAX_BYTES).orderBy("line").toArrow()
    )
    landed = parse_lines(contract, "f", written, 1, LANDED)
    differ, are_good = {}, [reason is None for reason in landed["reason"].to_pylist()]
    for name in landed.schema.names:
        if name == "payload":
            continue
        both = zip(written, are_good, *(_plain(name, rows[name]) for rows in (streamed, landed)), strict=True)
        is_kept = name in OF_BAD_ROWS
        differ |= {(name, line): (a, b) for line, is_good, a, b in both if a != b and (is_good or is_kept)}
    assert differ == {}


def test_a_record_that_is_too_long_keeps_length_hash_and_head(spark: SparkSession) -> None:
    long = '{"play_id":"' + "x" * 5000 + '"}'
    frame = spark.createDataFrame(
        [("f", 1, LANDED, long), ("f", 2, LANDED, "[{}]")],
        "file string, line long, landed_ts timestamp, payload string",
    )
    rows = parse(frame, PLAYS, 1000).orderBy("line").select("reason", "payload").collect()
    told = f"{len(long)} bytes, SHA-256 {sha256(long.encode()).hexdigest()}, begin with: {long[:HEAD_BYTES]}"
    assert [tuple(row) for row in rows] == [("line_too_long", told), ("array_of_objects", "[{}]")]


def _plain(name: str, column: pa.ChunkedArray) -> list[object]:
    """Return values that Python can hold: years beyond its calendar as numbers, unknown names in one order."""
    if name == "unknown":
        return [sorted(names) if names is not None else None for names in column.to_pylist()]
    return list(column.cast(_with_numbers(column.type)).to_pylist())


def _with_numbers(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_with_numbers(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _with_numbers(field.type)) for field in kind])
    return {"timestamp[us, tz=UTC]": pa.int64(), "date32[day]": pa.int32()}.get(str(kind), kind)
