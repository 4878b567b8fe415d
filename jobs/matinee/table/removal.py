"""Removal of snapshots from a table's metadata: only of those that are there and that no reference names.

PyIceberg decides that when it loads the table; by the time of the commit another process may have removed some of them,
which it refuses, or have made a branch or tag of one, which it would drop without a word. Here it is decided on the
metadata that the commit replaces.
"""

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from matinee.errors import CommitConflictError
from matinee.table.catalog import Lake
from matinee.table.commits import commit_errors
from matinee.table.refs import COMMIT_TRIES

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import RemoveSnapshotsUpdate


def remove_snapshots(lake: Lake, dataset: str, snapshot_ids: Collection[int]) -> None:
    """Remove those of the snapshots that are still there and that no branch or tag names.

    Raises:
        CommitConflictError: others committed first, each of many times.
        CatalogUnavailableError: the catalog does not answer.
    """
    from pyiceberg.table.update import AssertTableUUID

    for _ in range(COMMIT_TRIES):
        table = lake.table(dataset)
        if not _removable(table.metadata, snapshot_ids):
            return
        requirements = (AssertTableUUID(uuid=table.metadata.table_uuid),)
        try:
            with commit_errors(table):
                table.catalog.commit_table(table, requirements, (_update()(snapshot_ids=list(snapshot_ids)),))
                return
        except CommitConflictError:
            continue
    raise CommitConflictError(
        f"Others committed to {dataset} first, {COMMIT_TRIES} times.",
        next_step="Run again: what goes is decided anew.",
        facts={"dataset": dataset},
    )


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
