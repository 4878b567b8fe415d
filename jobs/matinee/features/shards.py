"""Shards: the engine encodes the rows of a snapshot, sorts the entries and writes them, one shard a task.

What an entry is, and where a shard goes, is the caller's: the functions run in the tasks, on batches of rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matinee.engine.session import spark_session
from matinee.engine.tables.spark_tables import read
from matinee.table.catalog import Lake
from matinee.table.files import Slice

if TYPE_CHECKING:
    import pyarrow as pa

OnBatches = Callable[[Iterable["pa.RecordBatch"]], Iterable["pa.RecordBatch"]]


class SortedRows:
    """The rows of a slice, with some columns, as an engine reads them."""

    def __init__(self, frame: DataFrame) -> None:
        self._frame = frame

    def keys(self, sample: OnBatches) -> list[bytes]:
        """Return the keys that a function picks, in no order.

        Args:
            sample: from rows to the column `key`, binary.
        """
        return [bytes(row["key"]) for row in self._frame.mapInArrow(sample, "key binary").collect()]

    def write(self, encode: OnBatches, write: OnBatches, shards: int) -> list[str]:
        """Write entries, one shard a task, and return what the tasks tell, in no order; no row leaves the engine.

        Args:
            encode: from rows to the columns `shard` (int, from 0), `key` and `value` (binary).
            write: from entries of whole shards, sorted by shard and key, to the column `written` (string).
            shards: how many there are.
        """
        entries = self._frame.mapInArrow(encode, "shard int, key binary, value binary")
        ordered = entries.repartitionById(shards, F.col("shard")).sortWithinPartitions("shard", "key")
        return [row["written"] for row in ordered.mapInArrow(write, "written string").collect()]


@contextmanager
def sorted_rows(lake: Lake, wanted: Slice, columns: Sequence[str]) -> Iterator[SortedRows]:
    """Yield the rows of a slice, read by Spark.

    Raises:
        EngineUnavailableError, EngineFailedError: see `spark_session`.
    """
    day = lake.registry.get(wanted.dataset).day_column or ""
    with spark_session(lake.settings) as spark:
        days = (day, wanted.first, wanted.last)
        frame = read(spark, lake.settings, wanted.dataset, wanted.snapshot_id, *days)
        yield SortedRows(frame.select(*columns))
