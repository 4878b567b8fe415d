"""Literal rows as Spark frames with a dataset's columns; a column that a test leaves out is null."""

from typing import TYPE_CHECKING, Any

from matinee.contracts.registry import Registry
from matinee.settings import default_sql_dir

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

REGISTRY = Registry.load(default_sql_dir())
_TYPES = {"long": "bigint", "timestamptz": "timestamp"}


def frame(spark: "SparkSession", dataset: str, rows: list[dict[str, Any]]) -> "DataFrame":
    """Return rows as a frame with the dataset's columns, all of them nullable."""
    columns = REGISTRY.get(dataset).columns
    schema = ", ".join(f"`{column.name}` {_TYPES.get(column.type, column.type)}" for column in columns)
    return spark.createDataFrame([tuple(row.get(column.name) for column in columns) for row in rows], schema)
