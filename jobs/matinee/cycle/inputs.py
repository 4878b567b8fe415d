"""The inputs of a run as frames: pinned snapshots, cut to the days that are read; the same for deriving and judging."""

from pyspark.sql import DataFrame, SparkSession

from matinee.contracts.model import Contract
from matinee.io.tables import read
from matinee.lake.catalog import Lake
from matinee.lake.publication import Run


def pinned_inputs(spark: SparkSession, lake: Lake, contract: Contract, run: Run) -> dict[str, DataFrame]:
    """Return the inputs by alias; of an optional one only the days that were valid when it was pinned."""
    frames = {}
    for spec in contract.inputs:
        pin = run.pin(spec.dataset)
        column = lake.registry.get(spec.dataset).day_column or ""
        first, last = contract.input_days(spec, run.first_day, run.last_day)
        frame = read(spark, lake.settings, spec.dataset, pin.snapshot_id, column, first, last)
        frames[spec.alias] = frame.where(frame[column].isin(sorted(pin.days))) if spec.optional else frame
    return frames
