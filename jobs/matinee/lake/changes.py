"""What single commits of a table did: which days they touched, and whether one is a proven compaction."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from matinee.lake import refs
from matinee.lake.catalog import Lake, summary_of
from matinee.lake.files import file_day
from matinee.lake.publication import PUBLICATION_ID

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

COMPACTIONS = "ops.compactions"


def added_files(table: "Table", snapshot_id: int) -> list["DataFile"]:
    """Return the data files that a snapshot itself added."""
    from pyiceberg.manifest import ManifestEntryStatus

    return [file for status, file in _entries(table, snapshot_id) if status == ManifestEntryStatus.ADDED]


def touched_days(table: "Table", snapshot_id: int, day_column: str) -> set[date]:
    """Return the days in which a snapshot itself added or deleted data files."""
    return {file_day(table, file, day_column) for _, file in _entries(table, snapshot_id)}


def _entries(table: "Table", snapshot_id: int) -> Iterator[tuple[object, "DataFile"]]:
    from pyiceberg.manifest import ManifestEntryStatus

    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    for manifest in snapshot.manifests(table.io) if snapshot else ():
        if manifest.added_snapshot_id != snapshot_id:
            continue
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
            if entry.snapshot_id == snapshot_id and entry.status != ManifestEntryStatus.EXISTING:
                yield entry.status, entry.data_file


def is_proven_compaction(lake: Lake, table: "Table", snapshot_id: int) -> bool:
    """Whether a snapshot only rearranged files: by its operation, its summary and the recorded equal row hash."""
    from pyiceberg.table.snapshots import Operation

    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    summary = snapshot.summary if snapshot else None
    if summary is None or summary.operation != Operation.REPLACE or PUBLICATION_ID in summary_of(table, snapshot_id):
        return False
    dataset = ".".join(table.name())
    proven = f"dataset = '{dataset}' and snapshot_id = {snapshot_id}"
    return lake.exists(COMPACTIONS) and lake.table(COMPACTIONS).scan(row_filter=proven).to_arrow().num_rows > 0


def since(table: "Table", base: int, head: int) -> list[int] | None:
    """Return the snapshots after `base` up to `head`, newest first; None where `head` does not descend from `base`."""
    found = refs.ancestry(table, head)
    return found[: found.index(base)] if base in found else None
