"""A tick of the stream: a source lands what it holds by now, then the live tables follow what is landed.

The two parts are independent: the live tables follow a landing whoever made it, and each part is recorded by itself.
"""

from datetime import datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from matinee import faults
from matinee.engine.session import same_server, spark_session
from matinee.errors import MatineeError, StreamPausedError, UsageError
from matinee.live.catch_up import update_live
from matinee.live.groups import groups
from matinee.live.lease import streaming
from matinee.live.progress import progress
from matinee.live.register import Tick, record, refuse_paused, ticks
from matinee.live.repair import rebucket
from matinee.live.taking import take
from matinee.live.upkeep import keep_small
from matinee.report import timed
from matinee.settings import Settings
from matinee.sources.files.folder import Folder
from matinee.sources.kafka.records import Topics
from matinee.sources.protocol import Source
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease
from matinee.table.registers import stamp


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
    refuse_paused(lake)
    with streaming(lake, patience=timedelta(0)) as lease, same_server(settings) as running:
        begun = stamp()
        try:
            with spark_session(running) as session:
                try:
                    take(running, source, lease, session)
                    faults.reach("stream.after_landing")
                finally:  # What others landed, or a tick that died, does not wait for a source that fails.
                    follow(lease, session, begun)
        except MatineeError:
            refuse_paused(lake)
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
        instants = [progress(lake, group.datasets[-1]).as_of for group in groups(lake)]
        as_of = min((instant for instant in instants if instant), default=None)
        now, landed = stamp(), ticks(lake, begun)
        waited = [
            landing.lag_s + (now - landing.recorded_ts).total_seconds()
            for landing in landed
            if landing.lag_s is not None
        ]
        record(lake, Tick("ran", as_of=as_of, lag_s=max(waited, default=None), seconds=seconds))
