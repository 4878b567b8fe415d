"""Lines of files are judged in Python, records of a stream by the engine: both say the same of the same lines."""

import re
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from tests.mutations import lines

from matinee.contracts.registry import Registry
from matinee.landing.parsing.lines import parse_lines
from matinee.landing.records import parse
from matinee.settings import CHECKOUT

pytestmark = pytest.mark.spark
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
COUNT = 3000
#: The one difference: numbers of so many digits are JSON to the engine, though no value.
ENDLESS = re.compile(rb"[0-9.]{1000,}")


@pytest.mark.parametrize("dataset", ["raw.impressions", "raw.plays"])
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_both_parsers_say_the_same(spark: SparkSession, dataset: str, seed: int) -> None:
    contract = Registry.load(CHECKOUT / "sql").get(dataset)
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
    streamed = parse(frame.withColumn("payload", frame.payload.cast("string")), contract).orderBy("line").toArrow()
    landed = parse_lines(contract, "f", written, 1, LANDED)
    differ = {}
    for name in landed.schema.names:
        if name == "payload":
            continue
        both = zip(written, _plain(streamed[name]), _plain(landed[name]), strict=True)
        differ |= {(name, line): (a, b) for line, a, b in both if a != b}
    assert differ == {}


def _plain(column: pa.ChunkedArray) -> list[object]:
    """Return values that Python can hold: years beyond its calendar as numbers, names in one order."""
    kind = {"timestamp[us, tz=UTC]": pa.int64(), "date32[day]": pa.int32()}.get(str(column.type), column.type)
    values = column.cast(kind).to_pylist()
    return [sorted(value) if isinstance(value, list) else value for value in values]
