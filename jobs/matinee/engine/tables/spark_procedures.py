"""Iceberg's Spark procedures: statements built here from validated names, values as literals of their own types."""

from collections.abc import Callable
from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructType

from matinee.contracts.model import Contract
from matinee.engine.tables.spark_tables import full_name
from matinee.settings import Settings
from matinee.table.files import Slice


def rewrite_slice(spark: SparkSession, settings: Settings, branch: str, contract: Contract, wanted: Slice) -> None:
    """Rewrite the data files of a slice on a branch, in ONE commit, into files of the table's target size.

    Rows keep their cells; within a file they are sorted as the table says.
    """
    day = contract.day_column
    days = f'{day} >= DATE "{wanted.first.isoformat()}" and {day} <= DATE "{wanted.last.isoformat()}"'
    numbers = ", ".join(map(str, wanted.buckets or ()))
    buckets = "" if wanted.buckets is None else f" and {contract.cells.column} in ({numbers})"
    spark.sql(
        f"CALL {settings.catalog_name}.system.rewrite_data_files("
        f"table => '{full_name(settings, wanted.dataset)}', branch => '{branch}', where => '{days}{buckets}', "
        "options => map('rewrite-all', 'true', 'partial-progress.enabled', 'false'))"
    ).collect()


def remove_orphan_files(spark: SparkSession, settings: Settings, dataset: str, older_than: datetime) -> list[str]:
    """Delete files below the table's location that no snapshot knows and that are older than a moment; return them."""
    moment = older_than.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    listing = ", prefix_listing => true" if settings.catalog == "aws" else ""
    rows = spark.sql(
        f"CALL {settings.catalog_name}.system.remove_orphan_files("
        f"table => '{full_name(settings, dataset)}', older_than => TIMESTAMP '{moment}'{listing})"
    ).collect()
    return [str(row[0]) for row in rows]


def whole_row_hash(frame: DataFrame) -> Column:
    """Return the 64-bit hash of a row, which covers which columns are null: Spark's function itself skips nulls.

    The hash also covers nulls within lists and structs, and the lengths of lists.
    """
    inside = [part for field in frame.schema for part in _inside(F.col(field.name), field.dataType)]
    return F.xxhash64(*frame.columns, *(F.col(name).isNull() for name in frame.columns), *inside)


def _inside(value: Column, kind: DataType) -> list[Column]:
    if isinstance(kind, ArrayType):

        def parts(item: Column) -> list[Column]:
            return [item.isNull(), *_inside(item, kind.elementType)]

        def part(number: int) -> Callable[[Column], Column]:
            return lambda item: parts(item)[number]

        return [F.size(value), *(F.transform(value, part(number)) for number in range(len(parts(value))))]
    if not isinstance(kind, StructType):
        return []
    fields = [(value.getField(field.name), field.dataType) for field in kind]
    return [part for field, inner in fields for part in (field.isNull(), *_inside(field, inner))]


def row_hash(frame: DataFrame) -> tuple[int, str]:
    """Return the number of rows and a hash of their multiset: equal for any order and any files; duplicates count."""
    return row_hashes(frame, None)[None]


def row_hashes(frame: DataFrame, column: str | None) -> dict[int | None, tuple[int, str]]:
    """Return `row_hash` for each value of an integer column; without a column, of the whole frame under None.

    The sum of 64-bit row hashes is kept exactly, as a decimal: no two changes cancel, and sums of parts add up.
    """
    by = [] if column is None else [column]
    hashed = frame.select(*by, whole_row_hash(frame).cast("decimal(38,0)").alias("row_hash")).groupBy(*by)
    rows = hashed.agg(F.count("*").alias("rows"), F.coalesce(F.sum("row_hash"), F.lit(0)).alias("total")).collect()
    return {None if column is None else row[column]: (int(row["rows"]), str(row["total"])) for row in rows}
