"""Upkeep of the tables that a stream writes to all day: between two ticks, small files are compacted, snapshots expire.

The nightly upkeep does the same, but until then a tick would have to open thousands of files. The register of ticks
keeps itself small.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from matinee.landing.model import QUARANTINE
from matinee.live.groups import groups
from matinee.maintenance.compaction import compact
from matinee.maintenance.upkeep import expire_recovered, recover_all
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: Upkeep is due after so many steps.
STEPS = 40


def keep_small(settings: Settings, lease: Lease, begun: datetime) -> None:
    """Compact and expire the tables of the stream, if it is time; the tick began at `begun`."""
    lake = lease.lake
    made = [group for group in groups(lake) if all(map(lake.exists, group.tables))]
    due = [group for group in made if is_time(lake, group.tables[-1], begun)]
    if not due:
        return
    tables = [*(name for group in due for name in (*group.sources, *group.tables)), QUARANTINE]
    for dataset in tables:
        lease.renew()
        compact(settings, dataset)
    recover_all(settings)
    # Where a contract cannot be used, the nightly upkeep says why nothing expires.
    for dataset in filter(lake.exists, tables if not lake.registry.left_out else ()):
        expire_recovered(lake, dataset, begun)


def is_time(lake: Lake, dataset: str, begun: datetime) -> bool:
    """Whether the steps from `begun` on completed another `STEPS` steps since the last compaction.

    A table that is not worth a compaction stays as it is, and is looked at again after as many steps.
    """
    steps = list(_steps_ms(lake.table(dataset)))
    before = sum(step_ms < begun.timestamp() * 1000 for step_ms in steps)
    return len(steps) // STEPS != before // STEPS


def _steps_ms(table: "Table") -> Iterator[int]:
    """Yield the time of each step since the last compaction, in milliseconds: each step begins with an append."""
    from pyiceberg.table.snapshots import Operation

    for snapshot in refs.line(table):
        if refs.operation_of(snapshot) == Operation.REPLACE:
            return
        if refs.operation_of(snapshot) == Operation.APPEND:
            yield snapshot.timestamp_ms
