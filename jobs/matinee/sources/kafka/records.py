"""Kafka: the topics of the raw datasets, as a stream of lines that landing parses."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.sources.kafka.topics import topic_ids, topics
from matinee.sources.protocol import Records
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease

#: The most records of a micro-batch; a stream that lags catches up in batches of this size.
BATCH_RECORDS = 100_000


@dataclass(frozen=True)
class Topics:
    """The topics of the raw datasets on Kafka's brokers; `servers`: `host:port`, separated by commas."""

    servers: str

    def poll(self, lease: Lease) -> Iterator[Records]:
        """Yield the records of all topics, as one batch."""
        yield self.records(lease.lake)

    def records(self, lake: Lake) -> Records:
        """Return the records of the topics that contracts name."""
        datasets = topics(lake)
        names = sorted(datasets)
        return Records(
            datasets,
            partial(record_stream, servers=self.servers, topics=names),
            partial(topic_ids, self.servers, names),
        )


def record_stream(spark: SparkSession, servers: str, topics: list[str]) -> DataFrame:
    """Return a stream of committed records: `topic`, and the columns that `landing.parse` takes, each record a line.

    Offsets have gaps where a transaction ended or was aborted.

    Args:
        spark: with Kafka's connector.
        servers: `host:port` of brokers, separated by commas.
        topics: by name.

    Returns:
        topic, file (`topic/partition`), line (the offset), payload, landed_ts (when the broker got it).
    """
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", ",".join(topics))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        # Records of aborted transactions are not read; the stream waits for open transactions.
        .option("kafka.isolation.level", "read_committed")
        .option("maxOffsetsPerTrigger", str(BATCH_RECORDS))
        .load()
    )
    return records.select(
        "topic",
        F.concat_ws("/", "topic", "partition").alias("file"),
        F.col("offset").alias("line"),
        # A record without a value becomes a blank line, as no table takes a row without a payload.
        F.coalesce(F.col("value").cast("string"), F.lit("")).alias("payload"),
        F.col("timestamp").alias("landed_ts"),
    )
