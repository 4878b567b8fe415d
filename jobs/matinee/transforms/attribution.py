"""Which impression a play belongs to: core.play_attributions, one row a play.

The winner is the impression with the greatest `(event_ts, event_id)` among those of the play's profile and title with
`min_delay <= start_ts - event_ts <= window`; a play without one is organic.

No pair of impression and play is ever formed, so a profile that sees one title thousands of times costs a sort and no
more. Both kinds are laid on one time line for each profile and title, an impression at the instant from which on it can
win (`event_ts + min_delay`); a play's candidate is the last impression that came before it on the line. If that one
lies outside the window, so do all others: they are older.

Only columns that decide are on the line, and only impressions whose profile and title were played. Those are found by a
64-bit hash of the two names: what shares the hash by chance stands on the line as well and wins nothing, for the line
is drawn by the names themselves.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from matinee.transforms.context import TransformContext

_NAMES = ["profile_id", "title_id"]
# The hash comes first: engines sort by it without looking at the names, and spread the lines evenly.
_LINE = ["pair", *_NAMES]
# At the same instant an impression stands before a play: both ends of [min_delay, window] are included.
_IMPRESSION, _PLAY = 0, 1


def attribute_plays(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
    """Derive core.play_attributions: one row for each row of `plays`, none dropped, none doubled.

    Args:
        inputs: `plays` (core.plays of the days) and `impressions` (core.impressions of the days and of the window
            before them).
        context: the contract has `attribution.window` and `attribution.min_delay`.

    Returns:
        The contract's columns; `event_id`, `event_ts` and `time_to_play_ms` are null for organic plays.
    """
    window_us, min_delay_us = context.micros("attribution.window"), context.micros("attribution.min_delay")
    plays, impressions = inputs["plays"], inputs["impressions"]
    line = _plays_on_line(plays).unionByName(
        _impressions_on_line(impressions, plays, min_delay_us), allowMissingColumns=True
    )
    before = Window.partitionBy(*_LINE).orderBy("at_us", "kind", "event_id").rowsBetween(Window.unboundedPreceding, 0)
    candidates = (
        line.withColumn("candidate_id", F.last("event_id", ignorenulls=True).over(before))
        .withColumn("candidate_us", F.last("event_us", ignorenulls=True).over(before))
        .where(F.col("kind") == _PLAY)
    )
    delay_us = F.col("at_us") - F.col("candidate_us")
    won = delay_us <= window_us
    derived = {
        "event_id": F.when(won, F.col("candidate_id")),
        "event_ts": F.when(won, F.timestamp_micros("candidate_us")),
        "time_to_play_ms": F.when(won, F.call_function("div", delay_us, F.lit(1000))),
    }
    return candidates.select(*(
        derived[name].alias(name) if name in derived else F.col(name) for name in context.contract.column_names
    ))  # fmt: skip


def _impressions_on_line(impressions: DataFrame, plays: DataFrame, min_delay_us: int) -> DataFrame:
    # Most impressions are of a profile and title that were never played: they are dropped before anything is sorted.
    event_us = F.unix_micros("event_ts")
    return (
        impressions.select(_pair(), *_NAMES, "event_id", event_us.alias("event_us"))
        .join(plays.select(_pair()).distinct(), on="pair", how="left_semi")
        .select(
            *_LINE,
            (F.col("event_us") + min_delay_us).alias("at_us"),
            F.lit(_IMPRESSION).alias("kind"),
            "event_id",
            "event_us",
        )
    )


def _plays_on_line(plays: DataFrame) -> DataFrame:
    # The play's columns ride along, null on impressions: no join is needed to find them again.
    return plays.select(
        _pair(),
        *_NAMES,
        F.unix_micros("start_ts").alias("at_us"),
        F.lit(_PLAY).alias("kind"),
        F.lit(None).cast("string").alias("event_id"),
        F.lit(None).cast("bigint").alias("event_us"),
        "play_id",
        "start_ts",
        "duration_ms",
        "source",
        F.col("event_day").alias("play_day"),
        "profile_bucket",
    )


def _pair() -> Column:
    return F.xxhash64(*_NAMES).alias("pair")
