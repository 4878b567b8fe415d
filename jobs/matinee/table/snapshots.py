"""What single commits of a table did: which files they changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from matinee.table import refs

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table


def added_files(table: "Table", snapshot_id: int) -> list["DataFile"]:
    """Return the data files that a snapshot itself added.

    Raises:
        SnapshotGoneError: the snapshot has expired.
    """
    from pyiceberg.manifest import ManifestEntryStatus

    return [file for status, file in _entries(table, snapshot_id) if status == ManifestEntryStatus.ADDED]


def changed_files(table: "Table", snapshot_id: int) -> list["DataFile"]:
    """Return the data files that a snapshot itself added or deleted.

    Raises:
        SnapshotGoneError: the snapshot has expired.
    """
    return [file for _, file in _entries(table, snapshot_id)]


def _entries(table: "Table", snapshot_id: int) -> Iterator[tuple[object, "DataFile"]]:
    from pyiceberg.manifest import ManifestEntryStatus

    refs.require(table, snapshot_id)
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    for manifest in snapshot.manifests(table.io) if snapshot else ():
        if manifest.added_snapshot_id != snapshot_id:
            continue
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
            if entry.snapshot_id == snapshot_id and entry.status != ManifestEntryStatus.EXISTING:
                yield entry.status, entry.data_file


def since(table: "Table", base: int, head: int) -> list[int] | None:
    """Return the snapshots after `base` up to `head`, newest first; None where `head` does not descend from `base`."""
    ancestors = refs.ancestry(table, head)
    return ancestors[: ancestors.index(base)] if base in ancestors else None
