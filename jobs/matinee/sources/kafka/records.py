"""Kafka: the topics of the raw datasets, as a stream of lines that landing parses."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

#: As many records a micro-batch has at most; a stream that lags catches up in batches of this size.
BATCH_RECORDS = 100_000


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
        # What a producer took back was never sent; where that is not decided yet, the stream waits.
        .option("kafka.isolation.level", "read_committed")
        .option("maxOffsetsPerTrigger", str(BATCH_RECORDS))
        .load()
    )
    return records.select(
        "topic",
        F.concat_ws("/", "topic", "partition").alias("file"),
        F.col("offset").alias("line"),
        # A record without a value is a blank line, not a row that no table takes.
        F.coalesce(F.col("value").cast("string"), F.lit("")).alias("payload"),
        F.col("timestamp").alias("landed_ts"),
    )
