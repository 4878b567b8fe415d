"""Bases: what a profile saw of a title in the year that ends with a day, by location; features.impression_ema.

In full, a base is the sum of the tiles of its window, each faded to the end of the window. Incrementally, it is the
base before it, faded, with the tiles that came since; what was restated or left the window is not subtracted, as a
maximum cannot be, and a difference of large sums is not exact: these keys are added up again from all tiles.
"""

from collections.abc import Mapping
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from matinee.domain.half_lives import HALF_LIVES
from matinee.transforms.context import TransformContext, by_profile

_KEY = ["profile_bucket", "profile_id", "title_id", "location"]
_SUMS = ("impressions", "plays", "watch_ms")


@by_profile
def derive_impression_ema(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
    """Derive features.impression_ema of one as-of day: one row a profile, title and location.

    Args:
        inputs: `tiles`, the rows of features.impression_daily of the window. Where the run starts from its predecessor,
            also `previous`, the rows of that base, and the tiles by which the two windows differ: `tiles_gone`, which
            it had added up and which the window does not hold any more, and `tiles_came`, which it had not.
        context: its last day is the as-of day; `previous` is the as-of day of the base before, None to derive in full.

    Returns:
        The contract's columns.
    """
    as_of, tiles = context.last_day, inputs["tiles"]
    if context.previous is None:
        derived = _added(_faded(tiles, F.datediff(F.lit(as_of), "event_day"), "w"))
    else:
        derived = _from_previous(inputs, as_of, context.previous)
    return derived.withColumn("as_of_day", F.lit(as_of)).select(*context.contract.column_names)


def _from_previous(inputs: Mapping[str, DataFrame], as_of: date, before: date) -> DataFrame:
    gone, came = inputs["tiles_gone"], inputs["tiles_came"]
    newer = F.col("event_day") > F.lit(before)
    # Keys are compared by a hash: keys that share one are added up again together, which does no harm.
    again = gone.select(_hash()).unionByName(came.where(~newer).select(_hash())).distinct()
    kept = _without(inputs["previous"], again)
    added = _without(came.where(newer), again)
    whole = inputs["tiles"].withColumn("again", _hash()).join(again, on="again", how="left_semi")
    parts = [
        _faded(kept, F.lit((as_of - before).days), "ema"),
        _faded(added, F.datediff(F.lit(as_of), "event_day"), "w"),
        _faded(whole, F.datediff(F.lit(as_of), "event_day"), "w"),
    ]
    return _added(reduce(DataFrame.unionByName, parts))


def _hash() -> Column:
    return F.xxhash64("profile_id", "title_id", "location").alias("again")


def _without(rows: DataFrame, again: DataFrame) -> DataFrame:
    return rows.withColumn("again", _hash()).join(again, on="again", how="left_anti")


def _faded(rows: DataFrame, days: Column, prefix: str) -> DataFrame:
    """Return tiles or bases with their weights so many days later."""
    faded = (
        (F.col(f"{prefix}_{name}") * F.pow(F.lit(2.0), -(days / half_life))).alias(f"ema_{name}")
        for name, half_life in HALF_LIVES.items()
    )
    return rows.select(*_KEY, "last_seen_ts", *_SUMS, "rows_hash", *faded)


def _added(parts: DataFrame) -> DataFrame:
    return parts.groupBy(*_KEY).agg(
        F.max("last_seen_ts").alias("last_seen_ts"),
        *(F.sum(name).alias(name) for name in _SUMS),
        F.bit_xor("rows_hash").alias("rows_hash"),
        *(F.sum(f"ema_{name}").alias(f"ema_{name}") for name in HALF_LIVES),
    )
