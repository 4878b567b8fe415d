"""The hinted plans: the Spark SQL of someone who reads query plans."""

from typing import TYPE_CHECKING

from tests.bench.jobs import Job
from tests.bench.peers.spark_sql import ATTRIBUTION, write_both

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ATTRIBUTIONS = f"""
    SELECT /*+ SHUFFLE_HASH(w) */ {ATTRIBUTION.format(play="p", won="w")}
    FROM plays p
    LEFT JOIN (
        SELECT play_id, play_day, won.event_id, won.event_ts
        FROM (
            SELECT /*+ {{hint}}(k) */ k.play_id, k.event_day AS play_day,
                max(struct(i.event_ts, i.event_id)) AS won
            FROM impressions i
            JOIN plays k
                ON i.profile_id = k.profile_id AND i.title_id = k.title_id
                AND i.event_ts BETWEEN k.start_ts - INTERVAL 24 HOURS AND k.start_ts
            GROUP BY k.play_id, k.event_day
        )
    ) w ON w.play_id = p.play_id AND w.play_day = p.event_day
"""


def shuffle_hash(session: "SparkSession", job: Job) -> dict[str, list[str]]:
    """Shuffle both, hash the few plays, stream the many impressions past them, and fold what matches to the last."""
    return _run(session, job, "SHUFFLE_HASH")


def broadcast(session: "SparkSession", job: Job) -> dict[str, list[str]]:
    """Do the same with the plays hashed whole, so that no impression is shuffled."""
    return _run(session, job, "BROADCAST")


def _run(session: "SparkSession", job: Job, hint: str) -> dict[str, list[str]]:
    return write_both(session, job, ATTRIBUTIONS.format(hint=hint), hint="/*+ SHUFFLE_HASH(w) */")
