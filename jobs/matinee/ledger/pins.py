"""Pins held: a run's tags, one on each input, keep what the run reads, from the moment it is pinned to the run's end.

A tag states until when it holds (Iceberg's `max-ref-age-ms`), so that a run that was killed holds nothing for ever: the
next expiry after that time removes the tag, and `matinee doctor --clean` removes it at once.
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
    """Hold the snapshot of each input, by dataset, for a run; an earlier try's pin of the input is released.

    Raises:
        SnapshotGoneError: a snapshot has expired.
        CommitConflictError: another process works under the same identity.
    """
    until = stamp() + KEEP
    for dataset, snapshot_id in pinned.items():
        table = lake.table(dataset)
        refs.require(table, snapshot_id)
        table = refs.put_tag(table, f"{names.PIN}{publication_id}", snapshot_id, until=until)
        # Expiry may have removed the snapshot between the check and the tag.
        refs.require(table, snapshot_id)


def release(lake: Lake, publication_id: str, pinned: Mapping[str, int]) -> None:
    """Release the pins of a run; another try's pins stay, and pins that cannot be reached end by their time.

    No error is raised: the release follows the run's work, or the error that ended the run.
    """
    name = f"{names.PIN}{publication_id}"
    for dataset, snapshot_id in pinned.items():
        try:
            table = lake.table(dataset)
            if refs.reference(table, name) == snapshot_id:
                refs.remove(table, name, expected=snapshot_id)
        except MatineeError as error:
            log.warning("'%s' of %s ends only when its time is over: %s", name, dataset, error)


def ended(table: "Table", now: datetime) -> tuple[str, ...]:
    """Return the names of a table's pins whose time is over at `now`, sorted."""
    tags = (name for name in sorted(table.metadata.refs) if name.startswith(names.PIN))
    return tuple(name for name in tags if (until := refs.ends(table, name)) is not None and until < now)
