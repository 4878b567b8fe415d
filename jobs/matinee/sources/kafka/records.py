"""Kafka: the topics of the raw datasets, as a stream of lines that landing parses."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

#: The most records of a micro-batch; a stream that lags catches up in batches of this size.
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
