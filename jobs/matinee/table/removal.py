"""Removal of snapshots from a table's metadata: only snapshots that are there and that no reference names.

A register's files are removed with its snapshots (`remove_with_files`); files of other tables are left to the removal
of orphan files.

PyIceberg selects the snapshots when it loads the table. Before the commit another process may have removed some of
them, which PyIceberg refuses, or have put a branch or tag on a snapshot, which PyIceberg would drop without a word.
Here the selection is made on the metadata that the commit replaces.
"""

import logging
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING

from matinee.errors import CommitConflictError
from matinee.retries import again_where_lost, committed
from matinee.table.catalog import Lake, catalog_errors
from matinee.table.commits import commit_errors
from matinee.table.refs import COMMIT_TRIES

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.table.update import RemoveSnapshotsUpdate

log = logging.getLogger(__name__)


def remove_snapshots(lake: Lake, dataset: str, snapshot_ids: Collection[int]) -> None:
    """Remove the snapshots that are still there and that no branch or tag names.

    Raises:
        CommitConflictError: others committed first in every try.
        CatalogUnavailableError: the catalog does not answer.
    """
    from pyiceberg.table.update import AssertTableUUID

    def once() -> None:
        table = lake.table(dataset)
        if _removable(table.metadata, snapshot_ids):
            requirements = (AssertTableUUID(uuid=table.metadata.table_uuid),)
            with again_where_lost, commit_errors(table):
                table._do_commit((_update()(snapshot_ids=list(snapshot_ids)),), requirements)

    told = f"Others committed to {dataset} first, {COMMIT_TRIES} times."
    then = "Run again: what goes is decided again."
    committed(once, CommitConflictError(told, next_step=then, facts={"dataset": dataset}))


def remove_with_files(lake: Lake, dataset: str, snapshot_ids: Collection[int]) -> None:
    """Remove snapshots as `remove_snapshots` does, then the files that no remaining snapshot names.

    A file that cannot be deleted, or that a killed process leaves, is removed with the orphan files.

    Raises:
        CommitConflictError: others committed first in every try.
        CatalogUnavailableError: the catalog or its storage does not answer.
    """
    before, wanted = lake.table(dataset), frozenset(snapshot_ids)
    with catalog_errors():
        try:
            lists, known = _metadata_of(
                before, (snapshot for snapshot in before.metadata.snapshots if snapshot.snapshot_id in wanted)
            )
            remove_snapshots(lake, dataset, wanted)
            after = lake.table(dataset)
            kept_lists, kept = _metadata_of(after, after.metadata.snapshots)
            gone = {path: manifest for path, manifest in known.items() if path not in kept}
            # After a merge of manifests another manifest names the same data files.
            data = _data_files(before, gone.values()) - _data_files(after, kept.values()) if gone else set()
        except FileNotFoundError as error:
            # Another process removes the same snapshots and was first: files that it leaves go with the orphan files.
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
    return [
        snapshot_id
        for snapshot_id in snapshot_ids
        if snapshot_id not in named and metadata.snapshot_by_id(snapshot_id) is not None
    ]


@cache
def _update() -> type["RemoveSnapshotsUpdate"]:
    """Return an update type that skips snapshots that are gone or named when PyIceberg applies it at the commit."""
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
