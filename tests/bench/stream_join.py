"""The stream's join: live tables derived from landed rows, beside Spark's own join of two streams.

All contenders get the same events: a day of impressions, a fifth as many plays and 2 % of both sent again, landed in
four pieces of six hours; and half a day later one more event of each. Ours derives both live tables without repeats: in
one step as usual, or in one step a landing; its window is a day, so labels stay pending. The peers join each impression
with the plays of its profile and title within six hours, which have ended by the last event, and keep their state as
Spark's guide says: watermarks, RocksDB with a changelog, an outer join.
Each peer does more of the work of ours: the first joins the events as they come and writes seven columns; the second
removes repeats first, without which no peer could agree with the batch; the third also writes the columns of an
impression that the live table has.
"""

import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.model import live_name
from matinee.engine.session import spark_session
from matinee.landing.model import Landing
from matinee.live import step
from matinee.live.catch_up import update_live
from matinee.live.impressions import LIVE, OUTCOMES
from matinee.settings import Settings, load_settings
from matinee.sources.simulator import columns
from matinee.sources.simulator.columns import HOUR, Frame
from matinee.table.catalog import Lake
from tests.bench.events import simulate_day
from tests.bench.late import _raw_table
from tests.support.lakes import at

PIECES, PLAYS, REPEATED, SILENCE = 4, 0.2, 0.02, 12 * HOUR
PEER_TABLE = "peer"
_ROCKS = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


def build(home: Path, rows: int) -> Settings:
    """Land a day of so many impressions in pieces of six hours."""
    shutil.rmtree(home, ignore_errors=True)
    settings = load_settings(home=home, catalog="embedded", spark_remote=None, spark_memory="4g", spark_java_options="")
    lake, events = Lake.open(settings), simulate_day(rows, "uniform", plays=PLAYS)
    for dataset, frame, moment, identity in (
        ("raw.impressions", events.impressions, "event_ts", "event_id"),
        ("raw.plays", events.plays, "start_ts", "play_id"),
    ):
        hours = frame[moment].values // HOUR % 24
        for piece in range(PIECES):
            wanted = np.flatnonzero(hours // (24 // PIECES) == piece)
            again = wanted[:: round(1 / REPEATED)]
            _land(lake, dataset, columns.take(frame, np.concatenate([wanted, again])), moment, piece + 1)
        _land(lake, dataset, _last(frame, moment, identity), moment, PIECES + 1)
    return settings


def _last(frame: Frame, moment: str, identity: str) -> Frame:
    """Return one more event, after all others: without it a peer would keep rows whose window has not ended."""
    last = columns.take(frame, np.argmax(frame[moment].values, keepdims=True))
    later = {
        identity: last[identity].with_values(np.array([b"last"])),
        moment: last[moment].with_values(last[moment].values + SILENCE),
    }
    return dict(last) | later


def _land(lake: Lake, dataset: str, frame: Frame, moment: str, number: int) -> None:
    table, rows = lake.ensure(dataset), _raw_table(frame, moment)
    name = f"{dataset}-{number}"
    landed = rows.append_column("landing_seq", pa.array(np.full(len(rows), number)))
    landed = landed.append_column("file", pa.array([name] * len(rows)))
    received = at(lake.registry.get(dataset).earliest_event, timedelta(hours=number))
    summary = Landing(dataset, name, name, len(rows), len(rows), 0, {}, received, landing_seq=number).to_summary()
    schema = table.schema().as_arrow()
    table.append(landed.select(schema.names).cast(schema), snapshot_properties=summary)


@dataclass(frozen=True)
class Joined:
    """The seconds that a join took, and the rows that it left.

    Ours leaves a row for each impression; a peer a row for each play of an impression, or one without a play, except
    for the last impression.
    """

    seconds: float
    rows: int


def ours(settings: Settings, step_rows: int = step.STEP_ROWS) -> Joined:
    """Derive the live tables from nothing, in steps of so many rows or of a landing."""
    lake = Lake.open(settings)
    for dataset in LIVE:
        if lake.exists(live_name(dataset)):
            lake.catalog.drop_table(live_name(dataset))
    with spark_session(settings) as spark:
        spark.sql("SELECT 1").collect()
        begun = time.monotonic()
        with patch.object(step, "STEP_ROWS", step_rows):
            update_live(lake, spark)
        seconds = time.monotonic() - begun
    return Joined(seconds, lake.table(live_name(OUTCOMES)).scan().count())


def peer(settings: Settings, checkpoint: Path, *, unrepeated: bool = False, whole: bool = False) -> Joined:
    """Join the two streams from nothing.

    Args:
        settings: with the engine.
        checkpoint: a folder for its state.
        unrepeated: take out repeats before.
        whole: write all columns of an impression.
    """
    shutil.rmtree(checkpoint, ignore_errors=True)
    with spark_session(settings) as spark:
        _peer_options(spark)
        target = f"{settings.catalog_name}.bench.{PEER_TABLE}"
        spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {settings.catalog_name}.bench").collect()
        spark.sql(f"DROP TABLE IF EXISTS {target}").collect()
        begun = time.monotonic()
        joined = _joined(spark, settings, unrepeated, whole)
        columns = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in joined.schema)
        spark.sql(f"CREATE TABLE {target} ({columns}) USING iceberg PARTITIONED BY (event_day)").collect()
        query = (
            joined.writeStream.format("iceberg")
            .outputMode("append")
            .trigger(availableNow=True)
            .option("checkpointLocation", str(checkpoint))
            .option("fanout-enabled", "true")
            .toTable(target)
        )
        query.awaitTermination()
        seconds = time.monotonic() - begun
    return Joined(seconds, Lake.open(settings).catalog.load_table(f"bench.{PEER_TABLE}").scan().count())


def _peer_options(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.streaming.stateStore.providerClass", _ROCKS)
    spark.conf.set("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true")
    spark.conf.set("spark.sql.shuffle.partitions", "2")


def _joined(spark: SparkSession, settings: Settings, unrepeated: bool, whole: bool) -> DataFrame:
    def source(dataset: str, moment: str, identity: str) -> DataFrame:
        stream = spark.readStream.format("iceberg").option("streaming-max-rows-per-micro-batch", str(10**9))
        events = stream.load(f"{settings.catalog_name}.{dataset}").withWatermark(moment, "10 minutes")
        return events.dropDuplicatesWithinWatermark([identity]) if unrepeated else events

    shown = source("raw.impressions", "event_ts", "event_id").alias("i")
    played = source("raw.plays", "start_ts", "play_id").alias("p")
    same = F.expr(
        "i.profile_id = p.profile_id AND i.title_id = p.title_id "
        "AND p.start_ts >= i.event_ts AND p.start_ts <= i.event_ts + INTERVAL 6 HOURS"
    )
    registry = Lake.open(settings).registry
    kept = registry.get(live_name("core.impression_plays")).column_names
    all_columns = [name for name in registry.get("raw.impressions").column_names if name in kept]
    of_impression = all_columns if whole else ["event_id", "profile_id", "title_id", "event_ts", "event_day"]
    names = (*(f"i.{name}" for name in of_impression), "p.play_id", "p.start_ts")
    return shown.join(played, same, "leftOuter").select(*names)
