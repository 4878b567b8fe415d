"""Iceberg's Spark procedures: statements built here from validated names, values as literals of their own types."""

from datetime import UTC, date, datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.io.tables import full_name
from matinee.settings import Settings


def rewrite_day(spark: SparkSession, settings: Settings, dataset: str, branch: str, day_column: str, day: date) -> None:
    """Rewrite the data files of one day on a branch into files of the table's target size, sorted as the table says."""
    spark.sql(
        f"CALL {settings.catalog_name}.system.rewrite_data_files("
        f"table => '{full_name(settings, dataset)}', branch => '{branch}', "
        f"where => '{day_column} = DATE \"{day.isoformat()}\"', "
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


def row_hash(frame: DataFrame) -> tuple[int, str]:
    """Return the number of rows and a hash of their multiset: equal for any order and any files, doubles counted.

    The sum of 64-bit row hashes is kept exactly, as a decimal.
    """
    hashed = frame.select(F.xxhash64(*frame.columns).cast("decimal(38,0)").alias("row_hash"))
    row = hashed.agg(F.count("*").alias("rows"), F.coalesce(F.sum("row_hash"), F.lit(0)).alias("total")).collect()[0]
    return int(row["rows"]), str(row["total"])
