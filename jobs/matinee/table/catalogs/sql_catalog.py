"""PyIceberg's catalog in a database, which parses a metadata file once while it is a table's newest.

Each load and each commit asks the database for the path of that file. The file itself never changes, a commit writes
another file: the parsed metadata serve later loads, and the commit that follows a load.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pyiceberg.catalog import sql
from pyiceberg.exceptions import ValidationError
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import TableMetadata, TableMetadataCommonFields
from pyiceberg.table.update import TableRequirement, TableUpdate

from matinee.errors import UnreadableError


class _NeverChanged:
    """Metadata whose parts its copies share.

    PyIceberg copies metadata with all snapshots for each commit and each time that a transaction reads them. It never
    changes a part in place, and each loaded table has its own copy of the properties.
    """

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values of some fields, never a deep copy."""
        return super().model_copy(update=update)  # type: ignore[misc, no-any-return]


@cache
def _never_changed(kind: type[TableMetadataCommonFields]) -> type[TableMetadataCommonFields]:
    return (
        kind
        if issubclass(kind, _NeverChanged)
        else type(kind.__name__, (_NeverChanged, kind), {"__module__": __name__})
    )


def _own_properties(metadata: TableMetadata) -> TableMetadata:
    """Return metadata with their own properties: callers set some on a loaded table for one commit."""
    copied = metadata.model_copy(update={"properties": dict(metadata.properties)})
    copied.__class__ = _never_changed(type(metadata))  # type: ignore[assignment]
    return copied


class SqlCatalog(sql.SqlCatalog):
    """A catalog that keeps the newest metadata of the loaded tables."""

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self._newest: dict[tuple[str, str], tuple[str, TableMetadata]] = {}

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """Commit, and keep the metadata that were written."""
        done = super().commit_table(table, requirements, updates)
        *namespace, name = table.name()
        self._newest[".".join(namespace), name] = done.metadata_location, _own_properties(done.metadata)
        return done

    def _convert_orm_to_iceberg(self, orm_table: sql.IcebergTables) -> Table:
        name = (orm_table.table_namespace, orm_table.table_name)
        known = self._newest.get(name)
        if known is None or known[0] != orm_table.metadata_location:
            try:
                read = super()._convert_orm_to_iceberg(orm_table)
            except (ValidationError, ValueError) as error:  # Of PyIceberg, of JSON and of text.
                raise UnreadableError(
                    f"The metadata of {'.'.join(name)} are damaged: {orm_table.metadata_location} is no metadata file.",
                    next_step="Put a good copy in its place, or `matinee lake restore` a backup (`deploy/lake.md`).",
                    facts={"dataset": ".".join(name), "file": orm_table.metadata_location, "text": str(error)[:1000]},
                ) from error
            known = self._newest[name] = read.metadata_location, read.metadata
        location, metadata = known[0], _own_properties(known[1])
        io = self._load_file_io(metadata.properties, location)
        return Table((*self.identifier_to_tuple(name[0]), name[1]), metadata, location, io, self)
