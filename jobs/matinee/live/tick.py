"""A tick of the stream: a source lands what it holds by now, then the live tables follow what is landed.

The two parts are independent: the live tables follow a landing whoever made it, and each part is recorded by itself.
Spark forms the batches of Kafka's records, but the tables say which records are new: where Spark's checkpoint is lost,
the query begins with the oldest records, and adds nothing that is there already.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee import faults
from matinee.contracts.model import MANIFEST
from matinee.engine.options import catalog_options
from matinee.engine.session import same_server, spark_session
from matinee.errors import (
    LandingRefusedError,
    MatineeError,
    MissingTableError,
    RetiredError,
    StreamPausedError,
    UsageError,
)
from matinee.landing.ingest import ingest, landable
from matinee.landing.micro_batch import Landed, land_batch
from matinee.live.catch_up import update_live
from matinee.live.checkpoint import checkpoint_of, note_landed, query_id, remove_lost
from matinee.live.groups import groups
from matinee.live.lease import lease_of, streaming
from matinee.live.progress import progress
from matinee.live.register import Tick, paused, record, ticks
from matinee.live.repair import rebucket
from matinee.live.topics import refuse_other_topics, refuse_shorter, topics
from matinee.live.upkeep import keep_small
from matinee.report import timed
from matinee.settings import Settings
from matinee.sources.kafka.records import record_stream
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.landings import LANDINGS
from matinee.table.leases.lease import Lease
from matinee.table.registers import stamp


class Source(Protocol):
    """Where events come from."""

    def take(self, settings: Settings, lease: Lease, session: SparkSession) -> None:
        """Land what is there by now, and record what was landed."""


@dataclass(frozen=True)
class Topics:
    """The topics of the raw datasets on Kafka's brokers; `servers`: `host:port`, separated by commas."""

    servers: str

    def take(self, settings: Settings, lease: Lease, session: SparkSession) -> None:
        """Run one query until it has taken what the topics held when it began.

        Raises:
            TopicChangedError: a topic is not the topic whose records were landed, or ends before them.
        """
        refuse_other_topics(lease.lake, self.servers)
        checkpoint = checkpoint_of(settings)
        remove_lost(lease.lake, checkpoint)
        query = (
            record_stream(session, self.servers, sorted(topics(lease.lake)))
            .writeStream.foreachBatch(
                partial(_batch, settings, self.servers, str(checkpoint), (lease.holder, lease.number))
            )
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
            refuse_shorter(lease.lake, json.loads(done.sources[0].endOffset))


@dataclass
class Folder:
    """A landing folder; a file is landed as `matinee ingest` does, once whatever its name.

    Attributes:
        path: of the folder.
        seen: the files that this process does not read again.
        landings: the snapshot of the register of landings that has the landed files among `seen`.
    """

    path: Path
    seen: set[tuple[str, int, int]] = field(default_factory=set)
    landings: int | None = None

    def take(self, settings: Settings, lease: Lease, session: SparkSession) -> None:
        """Land the files that were not there before; a refused file is told, and not tried again until it changes."""
        self._forget_lost(lease.lake)
        words = (*landable(lease.lake.registry), MANIFEST)
        marks = {
            file: mark for file in sorted(self.path.iterdir()) if (mark := _mark(file)) and file.name.startswith(words)
        }
        new = [file for file, mark in marks.items() if mark not in self.seen]
        if not new:
            return
        lease.renew()
        seconds: dict[str, float] = {}
        refused, reports = None, []
        with timed(seconds, "land"):
            try:
                reports = ingest(settings, None, new)
            except (LandingRefusedError, RetiredError) as error:
                refused = str(error)
        landings = _landings(lease.lake)
        # Leases are kept in the catalog: if another catalog took its place since the look at the register, this fails.
        lease.renew()
        self.landings = next(iter(landings), None)
        self.seen.update(marks[file] for file in new)
        fresh = [report.rows for report in reports if report.details["already"] == "no"]
        rows, bad = (sum(getattr(counts, name) for counts in fresh) for name in ("out", "quarantined"))
        done = Tick("ran", reason=refused, rows_landed=rows, rows_quarantined=bad, seconds=seconds)
        if rows or bad or refused:  # Files that were landed before, in another process, are no batch.
            record(lease.lake, done)

    def _forget_lost(self, lake: Lake) -> None:
        """Forget the seen files if the register no longer has the known snapshot: an older catalog may be restored."""
        if self.landings is None:
            return
        landings = _landings(lake)
        if self.landings not in landings:
            self.seen.clear()
        self.landings = next(iter(landings), None)


def _landings(lake: Lake) -> list[int]:
    """Return the snapshots of the register of landings that are kept, newest first."""
    with suppress(MissingTableError):
        return refs.ancestry(lake.table(LANDINGS))
    return []


def _mark(file: Path) -> tuple[str, int, int] | None:
    with suppress(FileNotFoundError):  # The file may be removed meanwhile.
        state = file.stat()
        return (file.name, state.st_size, state.st_mtime_ns) if file.is_file() else None
    return None


def source_of(servers: str | None, folder: Path | None) -> Source:
    """Return the source that was named.

    Raises:
        UsageError: none or both are named, or there is no such folder.
    """
    if servers and not folder:
        return Topics(servers)
    if folder and not servers and folder.is_dir():
        return Folder(folder)
    raise UsageError(
        f"There is no folder {folder}." if folder and not servers else "Where events come from is not clear.",
        next_step="Give either --servers HOST:PORT of Kafka's brokers, or --from FOLDER.",
        facts={"servers": servers, "folder": folder},
    )


def tick(settings: Settings, source: Source) -> list[Tick]:
    """Land what a source holds by now and let the live tables follow; return the ticks of landings and updates.

    Raises:
        LeaseHeldError: another process ticks.
        StreamPausedError: the stream is paused, or the checks of a batch paused it.
        EngineFailedError: a batch failed; the next tick begins where the tables are.
    """
    lake = Lake.open(settings)
    _refuse_paused(lake)
    with streaming(lake, patience=timedelta(0)) as lease, same_server(settings) as running:
        begun = stamp()
        try:
            with spark_session(running) as session:
                try:
                    source.take(running, lease, session)
                    faults.reach("stream.after_landing")
                finally:  # What others landed, or a tick that died, does not wait for a source that fails.
                    follow(lease, session, begun)
        except MatineeError:
            _refuse_paused(lake)
            raise
        faults.reach("stream.after_tick")
        keep_small(running, lease, begun)
        return ticks(lake, begun)


def follow(lease: Lease, session: SparkSession, begun: datetime) -> None:
    """Update the live tables to what is landed, whoever landed it; record the update if anything was to be done.

    Args:
        lease: the lease that is held.
        session: the session of Spark.
        begun: landings that were recorded from then on tell how long their records have waited.

    Raises:
        StreamPausedError: a landing is not what its contract says; the pause is recorded.
    """
    lake, seconds = lease.lake, dict[str, float]()
    try:
        with timed(seconds, "live"):
            rebucket(lake, session, lease)
            steps = update_live(lake, session, lease)
    except StreamPausedError as error:
        record(lake, Tick("paused", reason=error.message, seconds=seconds))
        raise
    if steps:
        instants = [progress(lake, group.datasets[-1]).as_of for group in groups(lake.registry)]
        as_of = min((instant for instant in instants if instant), default=None)
        now, landed = stamp(), ticks(lake, begun)
        waited = [
            landing.lag_s + (now - landing.recorded_ts).total_seconds()
            for landing in landed
            if landing.lag_s is not None
        ]
        record(lake, Tick("ran", as_of=as_of, lag_s=max(waited, default=None), seconds=seconds))


def _refuse_paused(lake: Lake) -> None:
    pause = paused(lake)
    if pause is not None:
        raise StreamPausedError(
            f"The stream is paused since {pause.recorded_ts:%Y-%m-%d %H:%M:%SZ}: {pause.reason}.",
            next_step="Remove the cause, then `matinee stream resume`.",
            facts={"since": pause.recorded_ts, "reason": pause.reason},
        )


def _batch(settings: Settings, servers: str, checkpoint: str, held: tuple[str, int], batch: DataFrame, _: int) -> None:
    """Land one micro-batch; runs beside the engine, in a process of its own, while a holder has the lease."""
    session, lake = batch.sparkSession, Lake.open(settings)
    _refuse_paused(lake)
    lease = lease_of(lake, *held)
    lease.renew()
    for name, value in catalog_options(settings).items():
        session.conf.set(name, value)
    seconds: dict[str, float] = {}
    batch.persist()
    try:
        with timed(seconds, "land"):
            landed = _land(lake, servers, batch, query_id(Path(checkpoint))).values()
    finally:
        batch.unpersist()
    note_landed(lease, Path(checkpoint))
    rows, bad = (sum(getattr(landing, name) for landing in landed) for name in ("rows", "bad"))
    if rows:  # Records that were landed before, or of transactions that were aborted, are no batch.
        offsets = {name: until for landing in landed for name, until in landing.offsets.items()}
        lag_s = (stamp() - min(landing.oldest for landing in landed if landing.oldest)).total_seconds()
        done = Tick("ran", offsets=offsets, rows_landed=rows - bad, rows_quarantined=bad, lag_s=lag_s, seconds=seconds)
        record(lake, done)


def _land(lake: Lake, servers: str, batch: DataFrame, of_query: str) -> dict[str, Landed]:
    at, ids, datasets = stamp(), refuse_other_topics(lake, servers), topics(lake)
    of = {topic: batch.where(F.col("topic") == topic) for topic in datasets}
    return {
        dataset: land_batch(lake, lake.registry.get(dataset), of[topic], at, of_query, ids.get(topic, ""))
        for topic, dataset in datasets.items()
    }
