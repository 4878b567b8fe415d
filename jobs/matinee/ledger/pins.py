"""Pins held: what a run reads is kept by tags of its own, one on each input, from the moment it is pinned to its end.

A tag says itself until when it holds (Iceberg's `max-ref-age-ms`), so that a run that was killed holds nothing for
ever: the next expiry after that time removes it, and `matinee doctor --clean` does at once.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from matinee.errors import MatineeError
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.registers import stamp

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)
#: How long a run that does not end holds what it reads. What it has written holds its pins by itself (`retention`).
KEEP = timedelta(hours=48)


def hold(lake: Lake, publication_id: str, pinned: Mapping[str, int]) -> None:
    """Hold the snapshot of each input, by dataset, for a run; what an earlier try of it held there is let go.

    Raises:
        SnapshotGoneError: one has expired.
        CommitConflictError: another process works under the same identity.
    """
    until = stamp() + KEEP
    for dataset, snapshot_id in pinned.items():
        table = lake.table(dataset)
        refs.require(table, snapshot_id)
        table = refs.put_tag(table, f"{names.PIN}{publication_id}", snapshot_id, until=until)
        # Between the look and the tag an expiry may have taken it.
        refs.require(table, snapshot_id)


def release(lake: Lake, publication_id: str, pinned: Mapping[str, int]) -> None:
    """Let go what a run held; what another try of it holds by now stays, and what cannot be reached ends by its time.

    It raises nothing: it follows what the run has done, or what has ended it.
    """
    name = f"{names.PIN}{publication_id}"
    for dataset, snapshot_id in pinned.items():
        try:
            table = lake.table(dataset)
            if refs.reference(table, name) == snapshot_id:
                refs.remove(table, name, expected=snapshot_id)
        except MatineeError as error:
            log.warning("'%s' of %s ends by its time only: %s", name, dataset, error)


def ended(table: "Table", now: datetime) -> tuple[str, ...]:
    """Return the pins of a table whose time was over by then, by name."""
    found = (name for name in sorted(table.metadata.refs) if name.startswith(names.PIN))
    return tuple(name for name in found if (until := refs.ends(table, name)) is not None and until < now)
