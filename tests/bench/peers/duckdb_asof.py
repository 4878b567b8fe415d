"""DuckDB: ASOF JOIN of what was played at all for the attribution, a hash join for the impressions."""

from typing import TYPE_CHECKING

from tests.bench.jobs import Job

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ATTRIBUTIONS = """
    SELECT play_id, profile_id, title_id, start_ts, duration_ms, source, play_day, profile_bucket,
        if(won, event_id, NULL) AS event_id, if(won, event_ts, NULL) AS event_ts,
        if(won, (epoch_us(start_ts) - epoch_us(event_ts)) // 1000, NULL) AS time_to_play_ms
    FROM (
        SELECT p.play_id, p.profile_id, p.title_id, p.start_ts, p.duration_ms, p.source, p.event_day AS play_day,
            p.profile_bucket, i.event_id, i.event_ts, i.event_ts >= p.start_ts - INTERVAL 24 HOURS AS won
        FROM plays p
        ASOF LEFT JOIN (
            SELECT profile_id, title_id, event_id, event_ts
            FROM impressions SEMI JOIN plays USING (profile_id, title_id)
        ) i
            ON i.profile_id = p.profile_id AND i.title_id = p.title_id AND i.event_ts <= p.start_ts
    )
"""

IMPRESSION_PLAYS = """
    SELECT i.*, coalesce(w.plays, 0)::INTEGER AS plays,
        coalesce(w.plays_without_duration, 0)::INTEGER AS plays_without_duration, w.first_play_ts,
        coalesce(w.watch_ms, 0)::BIGINT AS watch_ms,
        (epoch_us(w.first_play_ts) - epoch_us(i.event_ts)) // 1000 AS time_to_play_ms,
        CASE WHEN w.plays > 0 THEN 'positive'
             WHEN i.event_ts + INTERVAL 24 HOURS < TIMESTAMPTZ '{as_of}' THEN 'negative'
             ELSE 'pending' END AS label,
        i.event_ts + INTERVAL 24 HOURS < TIMESTAMPTZ '{as_of}' AS is_mature
    FROM impressions i
    LEFT JOIN (
        SELECT event_id, event_ts::DATE AS event_day, count(*) AS plays,
            count(*) FILTER (duration_ms IS NULL) AS plays_without_duration,
            min(start_ts) AS first_play_ts, sum(duration_ms) AS watch_ms
        FROM attributions
        WHERE event_id IS NOT NULL
        GROUP BY ALL
    ) w ON w.event_id = i.event_id AND w.event_day = i.event_day
"""


def run(connection: "DuckDBPyConnection", job: Job) -> dict[str, list[str]]:
    """Attribute, write, and join what was written to the impressions."""
    connection.execute("SET preserve_insertion_order = false").fetchall()
    with job.writing(job.attributions_folder) as folder:
        connection.read_parquet(job.plays).create_view("plays")
        connection.read_parquet(job.impressions).create_view("impressions")
        connection.execute(_copy(ATTRIBUTIONS, str(folder))).fetchall()
    with job.writing(job.impression_plays_folder) as folder:
        connection.read_parquet(f"{job.attributions_folder}/*.parquet").create_view("attributions")
        connection.execute(_copy(IMPRESSION_PLAYS.format(as_of=job.as_of.isoformat(sep=" ")), str(folder))).fetchall()
    return job.written()


def _copy(query: str, folder: str) -> str:
    return f"COPY ({query}) TO '{folder}' (FORMAT parquet, COMPRESSION zstd, PER_THREAD_OUTPUT true)"
