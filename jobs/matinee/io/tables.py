"""Reads and writes of tables by Spark: always a named snapshot or branch, always a named range of days."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.model import BUCKET_COLUMN
from matinee.lake.catalog import Lake
from matinee.lake.files import Cell, Slice
from matinee.settings import Settings


def full_name(settings: Settings, dataset: str, branch: str | None = None) -> str:
    """Return the name Spark knows a table (or a branch of it) by; parts come from contracts and validated ids."""
    suffix = f".branch_{branch}" if branch else ""
    return f"{settings.catalog_name}.{dataset}{suffix}"


def days_between(day_column: str, first: date, last: date) -> Column:
    """Return the predicate `first <= day <= last`, which Iceberg prunes files by."""
    return (F.col(day_column) >= F.lit(first)) & (F.col(day_column) <= F.lit(last))


def read(
    spark: SparkSession, settings: Settings, dataset: str, snapshot_id: int, day_column: str, first: date, last: date
) -> DataFrame:
    """Read the days of a range at a pinned snapshot: the table's columns."""
    pinned = spark.read.option("versionAsOf", str(snapshot_id)).table(full_name(settings, dataset))
    return pinned.where(days_between(day_column, first, last))


def read_branch(
    spark: SparkSession, settings: Settings, dataset: str, branch: str, day_column: str, first: date, last: date
) -> DataFrame:
    """Read the days of a range on a branch: the table's columns."""
    return spark.table(full_name(settings, dataset, branch)).where(days_between(day_column, first, last))


def append(frame: DataFrame, settings: Settings, dataset: str, branch: str, properties: Mapping[str, str]) -> None:
    """Append rows to a branch in ONE commit that carries the properties; no rows are a commit as well."""
    writer = frame.writeTo(full_name(settings, dataset, branch))
    for name, value in properties.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    writer.append()


class CatalogTables:
    """Tables by Spark's own catalog."""

    #: A job costs Spark more than what a smaller one saves: the range is derived at once.
    cell_rows: int | None = None

    def __init__(self, session: SparkSession, lake: Lake) -> None:
        self._session, self._lake = session, lake

    def read(self, wanted: Slice) -> DataFrame:
        """Read the days of a range at a pinned snapshot: the table's columns."""
        day_column = self._lake.registry.get(wanted.dataset).day_column or ""
        snapshot_id, first, last = wanted.snapshot_id, wanted.first, wanted.last
        found = read(self._session, self._lake.settings, wanted.dataset, snapshot_id, day_column, first, last)
        return found if wanted.buckets is None else found.where(F.col(BUCKET_COLUMN).isin(*wanted.buckets))

    def overwrite(
        self,
        frames: Iterable[tuple[Cell | None, DataFrame]],
        branch: str,
        replaced: Slice,
        properties: Mapping[str, str],
    ) -> None:
        """Replace a slice of a branch by the rows of the frames, in ONE commit that carries the properties.

        By predicate, never dynamically: an empty frame then leaves empty days, not the old rows.
        """
        frame = reduce(DataFrame.unionByName, (frame for _, frame in frames))
        writer = frame.writeTo(full_name(self._lake.settings, replaced.dataset, branch))
        for name, value in properties.items():
            writer = writer.option(f"snapshot-property.{name}", value)
        days = days_between(self._lake.registry.get(replaced.dataset).day_column or "", replaced.first, replaced.last)
        writer.overwrite(days if replaced.buckets is None else days & F.col(BUCKET_COLUMN).isin(*replaced.buckets))
