"""Old metadata files: a commit deletes the file that it drops from the log, and none that earlier commits deleted."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table.metadata import TableMetadata


def delete_let_go(io: "FileIO", base: "TableMetadata", metadata: "TableMetadata") -> None:
    """Delete the metadata files that a commit dropped from the log, in place of a catalog's `_delete_old_metadata`.

    PyIceberg assumes that the commit replaced the table as its caller loaded it. Where others committed in between,
    their commits have deleted all files that left the log since, except the newest of these.

    Args:
        io: reaches the files.
        base: the table as the caller of the commit loaded it.
        metadata: what the commit made.
    """
    from pyiceberg.catalog import Catalog

    before, now = ([entry.metadata_file for entry in version.metadata_log] for version in (base, metadata))
    if len(set(now).difference(before)) > 1:
        # After so many commits that none of the files is left, that file goes with the orphan files.
        first = before.index(now[0]) if now[0] in before else 0
        base = base.model_copy(update={"metadata_log": base.metadata_log[max(first - 1, 0) : first]})
    Catalog._delete_old_metadata(io, base, metadata)
