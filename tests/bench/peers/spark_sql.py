"""What the SQL of both Spark peers shares: views of the inputs, and the columns that are written."""

from typing import TYPE_CHECKING

from tests.bench.jobs import Job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ATTRIBUTION = """
    {play}.play_id, {play}.profile_id, {play}.title_id, {play}.start_ts, {play}.duration_ms, {play}.source,
    {play}.event_day AS play_day, {play}.profile_bucket, {won}.event_id, {won}.event_ts,
    div(unix_micros({play}.start_ts) - unix_micros({won}.event_ts), 1000) AS time_to_play_ms
"""

IMPRESSION_PLAYS = """
    SELECT {hint} i.event_id, i.profile_id, i.title_id, i.row, i.position, i.event_ts, i.device, i.country, i.page_id,
        i.app_version, i.received_ts, i.event_day, i.profile_bucket,
        coalesce(w.plays, 0) AS plays, coalesce(w.plays_without_duration, 0) AS plays_without_duration,
        w.first_play_ts, coalesce(w.watch_ms, 0L) AS watch_ms,
        div(unix_micros(w.first_play_ts) - unix_micros(i.event_ts), 1000) AS time_to_play_ms,
        CASE WHEN w.plays > 0 THEN 'positive'
             WHEN i.event_ts + INTERVAL 24 HOURS < TIMESTAMP '{as_of}' THEN 'negative'
             ELSE 'pending' END AS label,
        i.event_ts + INTERVAL 24 HOURS < TIMESTAMP '{as_of}' AS is_mature
    FROM impressions i
    LEFT JOIN (
        SELECT event_id, to_date(event_ts) AS event_day,
            CAST(count(*) AS INT) AS plays,
            CAST(count_if(duration_ms IS NULL) AS INT) AS plays_without_duration,
            min(start_ts) AS first_play_ts, sum(duration_ms) AS watch_ms
        FROM attributions
        WHERE event_id IS NOT NULL
        GROUP BY event_id, to_date(event_ts)
    ) w ON w.event_id = i.event_id AND w.event_day = i.event_day
"""


def write_both(session: "SparkSession", job: Job, attributions: str, hint: str = "") -> dict[str, list[str]]:
    """Write what a query over the views `plays` and `impressions` attributes, then each impression with its plays."""
    with job.writing(job.attributions_folder) as folder:
        session.read.parquet(*job.plays).createOrReplaceTempView("plays")
        session.read.parquet(*job.impressions).createOrReplaceTempView("impressions")
        session.sql(attributions).write.parquet(str(folder))
    with job.writing(job.impression_plays_folder) as folder:
        session.read.parquet(str(job.attributions_folder)).createOrReplaceTempView("attributions")
        derived = session.sql(IMPRESSION_PLAYS.format(hint=hint, as_of=job.as_of.isoformat(sep=" ")))
        derived.write.parquet(str(folder))
    return job.written()
