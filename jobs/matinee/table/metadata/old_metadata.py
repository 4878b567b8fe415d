"""Old metadata files: a commit deletes the one that it lets go, and none that earlier commits have deleted."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table.metadata import TableMetadata


def delete_let_go(io: "FileIO", base: "TableMetadata", metadata: "TableMetadata") -> None:
    """Delete what a commit let go of the log of metadata files: in the place of a catalog's own `_delete_old_metadata`.

    PyIceberg takes the table as its caller loaded it for what the commit replaced. Where others committed in between,
    their commits have deleted all files that left the log since, but for the newest of these.

    Args:
        io: reaches the files.
        base: the table as the caller of the commit loaded it.
        metadata: what the commit made.
    """
    from pyiceberg.catalog import Catalog

    before, now = ([entry.metadata_file for entry in one.metadata_log] for one in (base, metadata))
    if len(set(now).difference(before)) > 1:
        # After so many commits that none of the files is left, that file goes with the orphan files.
        first = before.index(now[0]) if now[0] in before else 0
        base = base.model_copy(update={"metadata_log": base.metadata_log[max(first - 1, 0) : first]})
    Catalog._delete_old_metadata(io, base, metadata)
