"""The plain range join: the Spark SQL that anyone would write first."""

from typing import TYPE_CHECKING

from tests.bench.jobs import Job
from tests.bench.peers.spark_sql import ATTRIBUTION, write_both

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ATTRIBUTIONS = f"""
    SELECT {ATTRIBUTION.format(play="c", won="c")}
    FROM (
        SELECT p.*, i.event_id, i.event_ts,
            row_number() OVER (
                PARTITION BY p.event_day, p.play_id ORDER BY i.event_ts DESC, i.event_id DESC
            ) AS place
        FROM plays p
        LEFT JOIN impressions i
            ON i.profile_id = p.profile_id AND i.title_id = p.title_id
            AND i.event_ts BETWEEN p.start_ts - INTERVAL 24 HOURS AND p.start_ts
    ) c
    WHERE place = 1
"""


def run(session: "SparkSession", job: Job) -> dict[str, list[str]]:
    """Pair each play with every impression that it may belong to, and keep the last."""
    return write_both(session, job, ATTRIBUTIONS)
