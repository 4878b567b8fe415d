"""Removal of snapshots from a table's metadata: only of those that are there and that no reference names.

Of a register the files go with them (`remove_with_files`); of other tables the removal of orphan files takes those.

PyIceberg decides that when it loads the table; by the time of the commit another process may have removed some of them,
which it refuses, or have made a branch or tag of one, which it would drop without a word. Here it is decided on the
metadata that the commit replaces.
"""

import logging
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING

from matinee.table.catalog import Lake, catalog_errors
from matinee.table.commits import commit_errors
from matinee.table.refs import COMMIT_TRIES, committed

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.table.update import RemoveSnapshotsUpdate

log = logging.getLogger(__name__)


def remove_snapshots(lake: Lake, dataset: str, snapshot_ids: Collection[int]) -> None:
    """Remove those of the snapshots that are still there and that no branch or tag names.

    Raises:
        CommitConflictError: others committed first, each of many times.
        CatalogUnavailableError: the catalog does not answer.
    """
    from pyiceberg.table.update import AssertTableUUID

    def once() -> None:
        table = lake.table(dataset)
        if _removable(table.metadata, snapshot_ids):
            requirements = (AssertTableUUID(uuid=table.metadata.table_uuid),)
            with commit_errors(table):
                table._do_commit((_update()(snapshot_ids=list(snapshot_ids)),), requirements)

    told = f"Others committed to {dataset} first, {COMMIT_TRIES} times."
    committed(once, told, "Run again: what goes is decided again.", dataset=dataset)


def remove_with_files(lake: Lake, dataset: str, snapshot_ids: Collection[int]) -> None:
    """Remove snapshots as `remove_snapshots` does, then the files that no snapshot knows that is left.

    A file that cannot be deleted, or that a kill leaves, goes with the orphan files.

    Raises:
        CommitConflictError: others committed first, each of many times.
        CatalogUnavailableError: the catalog or its storage does not answer.
    """
    before, wanted = lake.table(dataset), frozenset(snapshot_ids)
    with catalog_errors():
        try:
            lists, known = _metadata_of(before, (one for one in before.metadata.snapshots if one.snapshot_id in wanted))
            remove_snapshots(lake, dataset, wanted)
            after = lake.table(dataset)
            kept_lists, kept = _metadata_of(after, after.metadata.snapshots)
            gone = {path: manifest for path, manifest in known.items() if path not in kept}
            # Manifests that were merged name the same data files in another manifest.
            data = _data_files(before, gone.values()) - _data_files(after, kept.values()) if gone else set()
        except FileNotFoundError as error:
            # Another process removes the same, and was first: what it leaves goes with the orphan files.
            log.info("Files of %s are another process's to remove: %s", dataset, error)
            return
    for path in sorted(data | gone.keys() | (lists - kept_lists)):
        try:
            after.io.delete(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("%s is left to the removal of orphan files: %s", path, error)


def _metadata_of(table: "Table", snapshots: "Iterable[Snapshot]") -> tuple[set[str], dict[str, "ManifestFile"]]:
    """Return the manifest lists of some snapshots, and their manifests by path."""
    lists, manifests = set[str](), dict[str, "ManifestFile"]()
    for snapshot in snapshots:
        lists.add(snapshot.manifest_list)
        manifests |= {manifest.manifest_path: manifest for manifest in snapshot.manifests(table.io)}
    return lists, manifests


def _data_files(table: "Table", manifests: "Iterable[ManifestFile]") -> set[str]:
    entries = (entry for manifest in manifests for entry in manifest.fetch_manifest_entry(table.io))
    return {entry.data_file.file_path for entry in entries}


def _removable(metadata: "TableMetadata", snapshot_ids: Collection[int]) -> list[int]:
    named = {ref.snapshot_id for ref in metadata.refs.values()}
    return [one for one in snapshot_ids if one not in named and metadata.snapshot_by_id(one) is not None]


@cache
def _update() -> type["RemoveSnapshotsUpdate"]:
    """Return a kind of update that leaves what has gone or is named; PyIceberg applies it where it commits."""
    from pyiceberg.table.update import RemoveSnapshotsUpdate, _apply_table_update, _TableMetadataUpdateContext

    class RemoveUnnamed(RemoveSnapshotsUpdate):
        pass

    @_apply_table_update.register(RemoveUnnamed)
    def _(
        update: RemoveUnnamed, base_metadata: "TableMetadata", context: _TableMetadataUpdateContext
    ) -> "TableMetadata":
        ids = _removable(base_metadata, update.snapshot_ids)
        return _apply_table_update(RemoveSnapshotsUpdate(snapshot_ids=ids), base_metadata, context)

    return RemoveUnnamed
