"""Spark's checkpoint of the query that reads the topics: kept while the tables have the records that it counts as done.

A checkpoint lies outside the catalog. Where an older catalog is restored, the checkpoint is ahead of the tables, and
the records between would never be landed. So a note in its folder says up to which offsets the tables had the records
when a batch was done. Spark's own offsets do not tell: where a topic ends with records of aborted transactions, Spark's
offsets stay ahead of the tables for good.
"""

import json
import logging
import shutil
from pathlib import Path

from matinee.landing.model import QUARANTINE
from matinee.landing.offsets import landed_through
from matinee.private import private_folder, write_private
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease

log = logging.getLogger(__name__)
_NOTE = "landed_through.json"


def checkpoint_of(settings: Settings) -> Path:
    """Return the folder of the checkpoint."""
    return settings.home.absolute() / "stream"


def query_id(checkpoint: Path) -> str:
    """Return the name that Spark gave the query that a checkpoint belongs to."""
    metadata = checkpoint / "metadata"
    return str(json.loads(metadata.read_text())["id"]) if metadata.is_file() else ""


def note_landed(lease: Lease, checkpoint: Path) -> None:
    """Note up to which offsets the tables have the records; Spark is to count a batch as done only after that.

    Raises:
        LeaseLostError: another catalog took the place of the one in which the batch was landed.
    """
    reached = _reached(lease.lake)
    # Leases are kept in the catalog: if another catalog took its place, renewal fails before lower offsets are noted.
    lease.renew()
    write_private(private_folder(checkpoint) / _NOTE, json.dumps(reached, sort_keys=True))


def remove_lost(lake: Lake, checkpoint: Path) -> None:
    """Remove a checkpoint whose records the tables do not have: the next query begins with the oldest record.

    A checkpoint without a note is of an older version, or no batch of it is done.
    """
    if not checkpoint.exists():
        return
    note, reached = checkpoint / _NOTE, _reached(lake)
    noted = json.loads(note.read_text()) if note.is_file() else None
    if noted is None or any(
        reached.get(table, {}).get(name, 0) < until
        for table, offsets in noted.items()
        for name, until in offsets.items()
    ):
        log.warning("%s may count records as done that the tables do not have: the topics are read again.", checkpoint)
        shutil.rmtree(checkpoint)


def _reached(lake: Lake) -> dict[str, dict[str, int]]:
    """Return up to which offset each raw table, and the quarantine for it, has the records of each partition."""
    streamed = [contract.dataset for contract in lake.registry.all() if contract.topic]
    return {
        f"{dataset} in {table}": landed_through(lake, table, dataset)
        for dataset in streamed
        for table in (dataset, QUARANTINE)
    }
