"""Polars: join_asof of what was played at all for the attribution, a hash join for the impressions."""

from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING

from tests.bench.jobs import WINDOW, Job

if TYPE_CHECKING:
    from polars import LazyFrame

_NAMES = ["profile_id", "title_id"]


def run(pl: ModuleType, job: Job) -> dict[str, list[str]]:
    """Attribute, write, and join what was written to the impressions."""
    impressions = pl.scan_parquet(job.impressions)
    with job.writing(job.attributions_folder) as folder:
        attributions = _attributions(pl, pl.scan_parquet(job.plays), impressions)
        attributions.sink_parquet(folder / "part.parquet", compression="zstd", mkdir=True)
    with job.writing(job.impression_plays_folder) as folder:
        written = pl.scan_parquet(job.attributions_folder / "part.parquet")
        derived = _impression_plays(pl, impressions, written, job.as_of)
        derived.sink_parquet(folder / "part.parquet", compression="zstd", mkdir=True)
    return job.written()


def _attributions(pl: ModuleType, plays: "LazyFrame", impressions: "LazyFrame") -> "LazyFrame":
    # The files are sorted by profile, title and time, and no pair stands in two of them: nothing is sorted again.
    played = impressions.select(*_NAMES, "event_id", "event_ts").join(
        plays.select(_NAMES), on=_NAMES, how="semi", maintain_order="left"
    )
    joined = plays.join_asof(
        played,
        left_on="start_ts",
        right_on="event_ts",
        by=_NAMES,
        tolerance=WINDOW,
        coalesce=False,
        check_sortedness=False,
    )
    return joined.select(
        "play_id",
        *_NAMES,
        "start_ts",
        "duration_ms",
        "source",
        pl.col("event_day").alias("play_day"),
        "profile_bucket",
        "event_id",
        "event_ts",
        (pl.col("start_ts") - pl.col("event_ts")).dt.total_milliseconds().alias("time_to_play_ms"),
    )


def _impression_plays(
    pl: ModuleType, impressions: "LazyFrame", attributions: "LazyFrame", as_of: datetime
) -> "LazyFrame":
    won = (
        attributions.filter(pl.col("event_id").is_not_null())
        .group_by("event_id", pl.col("event_ts").dt.date().alias("event_day"))
        .agg(
            pl.len().cast(pl.Int32).alias("plays"),
            pl.col("duration_ms").is_null().sum().cast(pl.Int32).alias("plays_without_duration"),
            pl.col("start_ts").min().alias("first_play_ts"),
            pl.col("duration_ms").cast(pl.Int64).sum().alias("watch_ms"),
        )
    )
    mature = pl.col("event_ts") + WINDOW < pl.lit(as_of).cast(pl.Datetime("us", "UTC"))
    played = pl.when(pl.col("plays") > 0).then(pl.lit("positive"))
    return impressions.join(won, on=["event_id", "event_day"], how="left").with_columns(
        pl.col("plays").fill_null(0),
        pl.col("plays_without_duration").fill_null(0),
        pl.col("watch_ms").fill_null(0),
        (pl.col("first_play_ts") - pl.col("event_ts")).dt.total_milliseconds().alias("time_to_play_ms"),
        played.when(mature).then(pl.lit("negative")).otherwise(pl.lit("pending")).alias("label"),
        mature.alias("is_mature"),
    )
