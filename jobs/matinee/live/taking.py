"""What a source holds is landed, batch by batch, and recorded.

Spark forms micro-batches of the records of topics, but the tables say which records are new: where Spark's checkpoint
is lost, the query begins with the oldest records, and adds nothing that is there already.
"""

import json
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.engine.options import catalog_options
from matinee.errors import raise_foremost
from matinee.landing.ingest import land_each
from matinee.landing.micro_batch import land_batch
from matinee.landing.refusals import all_refused
from matinee.live.checkpoint import checkpoint_of, note_landed, query_id, remove_lost
from matinee.live.lease import lease_of
from matinee.live.register import Tick, record, refuse_paused
from matinee.live.topics import refuse_other_topics, refuse_shorter
from matinee.report import timed
from matinee.settings import Settings
from matinee.sources.found import Found
from matinee.sources.protocol import Records, Source
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease
from matinee.table.registers import stamp

log = logging.getLogger(__name__)


def take(settings: Settings, source: Source, lease: Lease, session: SparkSession) -> None:
    """Land what a source holds by now, and record each batch that brought anything."""
    for batch in source.poll(lease):
        lease.renew()
        if isinstance(batch, Records):
            _stream(settings, batch, lease, session)
        else:
            _land(lease.lake, batch)


def _land(lake: Lake, content: Sequence[Found]) -> None:
    seconds: dict[str, float] = {}
    with timed(seconds, "land"):
        outcomes, failed = land_each(lake, content, stamp())
    refused = [outcome.refused for outcome in outcomes if outcome.refused]
    new = [outcome.landing for outcome in outcomes if outcome.landing and outcome.is_new]
    rows, bad = (sum(getattr(landing, name) for landing in new) for name in ("rows_landed", "rows_quarantined"))
    if rows or bad or refused:  # What was landed before, by another process, is no batch.
        reason = str(all_refused(refused, len(content))) if refused else None
        record(lake, Tick("ran", reason=reason, rows_landed=rows, rows_quarantined=bad, seconds=seconds))
    raise_foremost(failed)


def _stream(settings: Settings, records: Records, lease: Lease, session: SparkSession) -> None:
    """Run one query until it has taken what the topics held when it began.

    Raises:
        TopicChangedError: a topic is not the topic whose records were landed, or ends before them.
    """
    refuse_other_topics(lease.lake, records)
    checkpoint = checkpoint_of(settings)
    remove_lost(lease.lake, checkpoint)
    query = (
        records.rows(session)
        .writeStream.foreachBatch(partial(_batch, settings, records, str(checkpoint), (lease.holder, lease.number)))
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .start()
    )
    try:
        query.awaitTermination()
        done = query.lastProgress
    finally:
        query.stop()
    if done is not None:
        refuse_shorter(lease.lake, records.datasets, json.loads(done.sources[0].endOffset))


def _batch(
    settings: Settings, records: Records, checkpoint: str, held: tuple[str, int], batch: DataFrame, _: int
) -> None:
    """Land one micro-batch; runs beside the engine, in a process of its own, while a holder has the lease."""
    session, lake = batch.sparkSession, Lake.open(settings)
    refuse_paused(lake)
    lease = lease_of(lake, *held)
    lease.renew()
    for name, value in catalog_options(settings).items():
        session.conf.set(name, value)
    seconds: dict[str, float] = {}
    batch.persist()
    try:
        with timed(seconds, "land"):
            at, identities, of_query = stamp(), refuse_other_topics(lake, records), query_id(Path(checkpoint))
            of = {topic: batch.where(F.col("topic") == topic) for topic in records.datasets}
            landed = [
                land_batch(lake, lake.registry.get(dataset), of[topic], at, of_query, identities.get(topic, ""))
                for topic, dataset in records.datasets.items()
            ]
    finally:
        batch.unpersist()
    note_landed(lease, Path(checkpoint))
    rows, bad = (sum(getattr(landing, name) for landing in landed) for name in ("rows", "bad"))
    if rows:  # Records that were landed before, or of transactions that were aborted, are no batch.
        offsets = {name: until for landing in landed for name, until in landing.offsets.items()}
        lag_s = (stamp() - min(landing.oldest for landing in landed if landing.oldest)).total_seconds()
        done = Tick("ran", offsets=offsets, rows_landed=rows - bad, rows_quarantined=bad, lag_s=lag_s, seconds=seconds)
        record(lake, done)
