"""What became of each impression: core.impression_plays, one row an impression, the training set."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from matinee.transforms.context import TransformContext, by_profile

_IMPRESSION = ["event_id", "event_day"]


@by_profile
def derive_impression_plays(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
    """Derive core.impression_plays: one row for each row of `impressions`, none dropped, none doubled.

    Args:
        inputs: `impressions` (core.impressions of the days) and `attributions` (core.play_attributions of the days
            and of the window after them, as far as they are valid). Attributions to impressions of other days are
            passed over.
        context: the contract has `attribution.window`; without `as_of` no row is mature.

    Returns:
        The contract's columns. `watch_ms` is 0 where no play has a duration; `label` is positive, negative (mature
        without a play) or pending.
    """
    impressions, won = inputs["impressions"], _won_by_impression(inputs["attributions"])
    plays = F.coalesce("plays", F.lit(0))
    mature = _is_mature(context)
    label = F.when(plays > 0, "positive").when(mature, "negative").otherwise("pending")
    delay_us = F.unix_micros("first_play_ts") - F.unix_micros("event_ts")
    # The few winners are hashed in memory; the impressions, many and wide, are not sorted.
    return (
        impressions.join(won, on=_IMPRESSION, how="left")
        .select(
            *impressions.columns,
            plays.alias("plays"),
            F.coalesce("plays_without_duration", F.lit(0)).alias("plays_without_duration"),
            "first_play_ts",
            F.coalesce("watch_ms", F.lit(0).cast("long")).alias("watch_ms"),
            F.call_function("div", delay_us, F.lit(1000)).alias("time_to_play_ms"),
            label.alias("label"),
            mature.alias("is_mature"),
        )
        .select(*context.contract.column_names)
    )


def _won_by_impression(attributions: DataFrame) -> DataFrame:
    """Sum up the plays of each impression that won any, by id and day: an id may be on several days."""
    return (
        attributions.where(F.col("event_id").isNotNull())
        .groupBy("event_id", F.to_date("event_ts").alias("event_day"))
        .agg(
            F.count("*").cast("int").alias("plays"),
            F.count_if(F.col("duration_ms").isNull()).cast("int").alias("plays_without_duration"),
            F.min("start_ts").alias("first_play_ts"),
            F.sum("duration_ms").alias("watch_ms"),
        )
    )


def _is_mature(context: TransformContext) -> Column:
    if context.as_of_micros is None:
        return F.lit(False)
    return F.unix_micros("event_ts") + context.micros("attribution.window") < context.as_of_micros
