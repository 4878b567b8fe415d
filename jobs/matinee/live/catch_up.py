"""Catching up: the live tables take what was landed, step by step, unless it is not what its contract says.

What a landing was found to be stands in its commit, so it is judged here whoever landed it, and also after a kill.
"""

from collections.abc import Iterator

from pyspark.sql import SparkSession

from matinee.days import instant_of
from matinee.engine.tables.spark_tables import conflicts
from matinee.errors import CommitConflictError, StreamPausedError
from matinee.landing.checks import troubles
from matinee.live.groups import Group, groups
from matinee.live.register import resumed
from matinee.live.step import Step, next_step
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import gone
from matinee.table.commits import commit_nothing
from matinee.table.leases.lease import Lease

TRIES = 5


def bring_up(lake: Lake, session: SparkSession, lease: Lease | None = None) -> int:
    """Bring the live tables up to what is landed; return the number of steps.

    A group of which a live table was retired is not followed: it cannot be brought up without that one.

    Args:
        lake: the lake.
        session: of Spark.
        lease: renewed before each step; its number is in what a step commits.

    Raises:
        StreamPausedError: what comes next is not what its contract says, and nobody has resumed since it was landed.
        CommitConflictError: others changed the live tables in each of several tries.
        LeaseLostError: another process took the lease.
    """
    retired = gone(lake)
    followed = (group for group in groups(lake.registry) if retired.isdisjoint(group.tables))
    return sum(_bring_up(lake, session, group, lease) for group in followed)


def _bring_up(lake: Lake, session: SparkSession, group: Group, lease: Lease | None) -> int:
    ensure_current(lake, group)
    steps = lost = 0
    while True:
        step = next_step(lake, session, group, lease)
        if step is None:
            return steps
        if lease is not None:
            lease.renew()
        _refuse_troubles(lake, step)
        try:
            with conflicts("a live table"):
                step.run()
        except CommitConflictError:
            lost += 1
            if lost == TRIES:
                raise
        else:
            steps, lost = steps + 1, 0


def ensure_current(lake: Lake, group: Group) -> None:
    """Bring the tables of a group to their contracts, newest snapshots included: a pinned one is read with its own
    schema.
    """
    for dataset in (*group.sources, *group.tables):
        table = lake.ensure(dataset)
        snapshot = table.current_snapshot()
        if snapshot is not None and snapshot.schema_id != table.schema().schema_id:
            commit_nothing(lake, dataset, refs.MAIN, {})


def _refuse_troubles(lake: Lake, step: Step) -> None:
    found = list(_troubles(lake, step))
    if found:
        raise StreamPausedError(
            f"{'; '.join(found)}.",
            next_step="Mend the cause, then `matinee stream resume`: what was landed is then taken as it is.",
            facts={"landed": found},
        )


def _troubles(lake: Lake, step: Step) -> Iterator[str]:
    accepted = resumed(lake)
    for landing in step.landings():
        snapshot = lake.table(landing.dataset).metadata.snapshot_by_id(landing.snapshot_id)
        if snapshot is None:
            continue
        since = instant_of(1000 * snapshot.timestamp_ms)
        if accepted is None or since > accepted:
            yield from troubles(lake.registry.get(landing.dataset), landing)
