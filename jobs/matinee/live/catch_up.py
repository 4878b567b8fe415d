"""Catching up: the live tables follow what was landed, step by step, unless a landing is not what its contract says.

The commit of a landing says what its checks found, so the landing is judged here whoever made it, and after a kill.
"""

from collections.abc import Iterator

from pyspark.sql import SparkSession

from matinee.days import instant_of_millis
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


def update_live(lake: Lake, session: SparkSession, lease: Lease | None = None) -> int:
    """Update the live tables to what is landed; return the number of steps.

    A group with a retired live table is left out: the other tables cannot be updated without that table.

    Args:
        lake: the lake.
        session: the session of Spark.
        lease: renewed before each step; the commits of a step carry its number.

    Raises:
        StreamPausedError: the next landing is not what its contract says, and nobody has resumed the stream since.
        CommitConflictError: others changed the live tables in each of several tries.
        LeaseLostError: another process took the lease.
    """
    retired = gone(lake)
    followed = (group for group in groups(lake) if retired.isdisjoint(group.tables))
    return sum(_update(lake, session, group, lease) for group in followed)


def _update(lake: Lake, session: SparkSession, group: Group, lease: Lease | None) -> int:
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
    """Bring the tables of a group to their contracts, and give them a snapshot of the new schema.

    A pinned snapshot is read with its own schema.
    """
    for dataset in (*group.sources, *group.tables):
        table = lake.ensure(dataset)
        snapshot = table.current_snapshot()
        if snapshot is not None and snapshot.schema_id != table.schema().schema_id:
            commit_nothing(lake, dataset, refs.MAIN, {})


def _refuse_troubles(lake: Lake, step: Step) -> None:
    problems = list(_troubles(lake, step))
    if problems:
        raise StreamPausedError(
            f"{'; '.join(problems)}.",
            next_step="Remove the cause, then `matinee stream resume`: what was landed is then taken as it is.",
            facts={"landed": problems},
        )


def _troubles(lake: Lake, step: Step) -> Iterator[str]:
    accepted = resumed(lake)
    for landing in step.landings():
        snapshot = lake.table(landing.dataset).metadata.snapshot_by_id(landing.snapshot_id)
        if snapshot is None:
            continue
        since = instant_of_millis(snapshot.timestamp_ms)
        if accepted is None or since > accepted:
            yield from troubles(lake.registry.get(landing.dataset), landing)
