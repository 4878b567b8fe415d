"""Which impression a play belongs to: core.play_attributions, one row a play.

The winner is the impression with the greatest `(event_ts, event_id)` among those of the play's profile and title with
`min_delay <= start_ts - event_ts <= window`; a play without such an impression is organic.

Two plans give the same rows. Pairs: plays are joined to the impressions of their profile and title, and the greatest
impression is kept; at most `_FEW` pairs an impression, because pairs are quadratic where a profile plays one title
again and again (a television in a shop, a child's lullaby). Time line: plays and impressions are sorted together, an
impression at the first instant at which it can win (`event_ts + min_delay`), and a play's candidate is the last
impression before it. If that impression lies outside the window, so do all others: they are older.

Spark sorts all plays on time lines. Sail, which hashes much faster than it sorts, forms pairs, and uses time lines for
titles that a profile played often. A first query of the plays alone asks whether there is such a title: mostly there is
none, and then nothing more is read for time lines (deploy/decisions/002).
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from matinee.transforms.context import TransformContext, by_profile

_PAIR = ["profile_id", "title_id"]
_PLAY = ["play_id", "event_day"]
_FEW = 32
# Instants lie far within this many microseconds of 1970: with it each is a number of 19 digits, and texts of instant
# and id sort as (instant, id). Engines find the greatest text in one pass, the greatest struct slowly.
_BASE, _DIGITS = 4 * 10**18, 19


@by_profile
def attribute_plays(inputs: Mapping[str, DataFrame], context: TransformContext) -> DataFrame:
    """Derive core.play_attributions: one row for each row of `plays`, none dropped, none doubled.

    Args:
        inputs: `plays` (core.plays of the days) and `impressions` (core.impressions of the days and of the window
            before them).
        context: the contract has `attribution.window` and `attribution.min_delay`; the engine decides the plan.

    Returns:
        The contract's columns; `event_id`, `event_ts` and `time_to_play_ms` are null for organic plays.
    """
    window_us, min_delay_us = context.micros("attribution.window"), context.micros("attribution.min_delay")
    plays = inputs["plays"]
    shown = inputs["impressions"].select(*_PAIR, "event_id", F.unix_micros("event_ts").alias("event_us"))
    if context.engine == "spark":
        # The lines are sorted: impressions whose profile never played the title are left out.
        attributed = _by_line(shown.join(plays.select(*_PAIR), on=_PAIR, how="left_semi"), plays, min_delay_us)
    else:
        attributed = _by_pairs_or_line(shown, plays, window_us, min_delay_us)
    candidate_us = F.substring("_candidate", 1, _DIGITS).cast("bigint") - _BASE
    delay_us = F.unix_micros("start_ts") - candidate_us
    won = delay_us <= window_us
    derived = {
        "play_day": F.col("event_day"),
        "event_id": F.when(won, F.expr(f"substring(_candidate, {_DIGITS + 1})")),
        "event_ts": F.when(won, F.timestamp_micros(candidate_us)),
        "time_to_play_ms": F.when(won, F.call_function("div", delay_us, F.lit(1000))),
    }
    return attributed.select(*(
        derived[name].alias(name) if name in derived else F.col(name) for name in context.contract.column_names
    ))  # fmt: skip


def _instant_and_id() -> Column:
    return F.concat((F.col("event_us") + _BASE).cast("string"), F.col("event_id"))


def _by_pairs_or_line(shown: DataFrame, plays: DataFrame, window_us: int, min_delay_us: int) -> DataFrame:
    """Return the plays with their `_candidate`: by lines where a profile played a title often, else by pairs."""
    # A hash in place of the names is quicker: that pairs may share a hash does no harm.
    if plays.groupBy(F.xxhash64(*_PAIR)).count().where(F.col("count") > _FEW).isEmpty():
        return _by_pairs(shown, plays, window_us, min_delay_us)
    often = plays.groupBy(*_PAIR).count().where(F.col("count") > _FEW).select(*_PAIR)
    few = _by_pairs(shown, plays.join(often, on=_PAIR, how="left_anti"), window_us, min_delay_us)
    shown_often, played_often = (frame.join(often, on=_PAIR, how="left_semi") for frame in (shown, plays))
    return few.unionByName(_by_line(shown_often, played_often, min_delay_us))


def _by_pairs(shown: DataFrame, plays: DataFrame, window_us: int, min_delay_us: int) -> DataFrame:
    """Return the plays with their `_candidate`, null where there is none, by pairs of play and impression."""
    played = plays.select(*_PLAY, *_PAIR, F.unix_micros("start_ts").alias("start_us"))
    delay_us = F.col("start_us") - F.col("event_us")
    pairs = shown.join(played, on=_PAIR).where((delay_us >= min_delay_us) & (delay_us <= window_us))
    candidates = pairs.groupBy(*_PLAY).agg(F.max(_instant_and_id()).alias("_candidate"))
    return plays.join(candidates, on=_PLAY, how="left")


def _by_line(shown: DataFrame, plays: DataFrame, min_delay_us: int) -> DataFrame:
    """Return the plays with their `_candidate`, null where there is none, by one time line a profile and title."""
    at_us = (F.col("event_us") + min_delay_us).alias("_at_us")
    impressions = shown.select(*_PAIR, at_us, _instant_and_id().alias("_shown"))
    played = plays.withColumn("_at_us", F.unix_micros("start_ts")).withColumn("_shown", F.lit(None).cast("string"))
    # At the same instant an impression sorts before a play: both ends of [min_delay, window] are included.
    order = (F.col("_at_us"), F.col("_shown").asc_nulls_last())
    before = Window.partitionBy(*_PAIR).orderBy(*order).rowsBetween(Window.unboundedPreceding, 0)
    line = played.unionByName(impressions, allowMissingColumns=True)
    return (
        line.withColumn("_candidate", F.last("_shown", ignorenulls=True).over(before))
        .where(F.col("play_id").isNotNull())
        .drop("_at_us", "_shown")
    )
