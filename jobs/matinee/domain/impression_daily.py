"""Tiles: what a profile saw of a title on a day, by location; features.impression_daily."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from matinee.domain.half_lives import HALF_LIVES
from matinee.domain.locations import Bands
from matinee.transforms.context import TransformContext, by_profile

_DAY_US = 86_400_000_000
_KEY = ["event_day", "profile_id", "title_id", "location"]


@by_profile
def derive_impression_daily(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
    """Derive features.impression_daily: one row a day, profile, title and location.

    The weights are running sums in the order (event_ts, event_id), of which the last is kept: the order of a sum of
    doubles decides their last digits, and a plain sum has none.

    Args:
        inputs: `outcomes`, the rows of core.impression_plays.
        context: the contract names the columns of a `location` and has the parameters of its bands.

    Returns:
        The contract's columns.
    """
    seen = inputs["outcomes"].withColumn("location", F.expr(Bands.of(context.contract).sql))
    in_order = Window.partitionBy(*_KEY).orderBy("event_ts", "event_id")
    so_far = in_order.rowsBetween(Window.unboundedPreceding, 0)
    sums = {
        "impressions": F.count("*"),
        "plays": F.sum(F.col("plays").cast("long")),
        "watch_ms": F.sum("watch_ms"),
        "rows_hash": F.bit_xor(F.xxhash64("event_id", "event_ts")),
        **{f"w_{name}": F.sum(_weight(days)) for name, days in HALF_LIVES.items()},
    }
    return (
        seen.select(
            *_KEY,
            "profile_bucket",
            F.col("event_ts").alias("last_seen_ts"),
            *(total.over(so_far).alias(name) for name, total in sums.items()),
            F.lead("event_id").over(in_order).isNull().alias("is_last"),
        )
        .where("is_last")
        .select(*context.contract.column_names)
    )


def _weight(half_life: int) -> Column:
    """Return what an impression weighs at the end of its day, with a half-life in days."""
    end_us = (F.unix_date("event_day") + 1) * _DAY_US
    return F.pow(F.lit(2.0), -(end_us - F.unix_micros("event_ts")).cast("double") / (half_life * float(_DAY_US)))
