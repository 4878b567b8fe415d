"""PyIceberg's catalog in a database, which parses a metadata file once while it is a table's newest.

Each load and each commit asks the database for the path of that file. The file itself never changes, a commit writes
another file: the parsed metadata serve later loads, and the commit that follows a load.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pyiceberg.catalog import sql
from pyiceberg.exceptions import NoSuchTableError, ValidationError
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import CommitTableResponse, StagedTable, Table
from pyiceberg.table.metadata import TableMetadata, TableMetadataCommonFields
from pyiceberg.table.update import TableRequirement, TableUpdate
from pyiceberg.typedef import Identifier
from sqlalchemy import bindparam, select

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
    """A catalog that keeps the newest metadata of the loaded tables.

    Its two statements are built once. PyIceberg builds them, and asks for the namespace first, at each call: ten times
    the work, at each look at a lake.
    """

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self._newest: dict[tuple[str, str], tuple[str, TableMetadata]] = {}
        row, is_table = sql.IcebergTables, self._iceberg_type_filter()
        conditions = [row.catalog_name == name, row.table_namespace == bindparam("namespace")]
        conditions += [] if is_table is None else [is_table]
        self._names = select(row.table_name).where(*conditions)
        self._location = select(row.metadata_location).where(*conditions, row.table_name == bindparam("name"))

    def list_tables(self, namespace: str | Identifier) -> list[Identifier]:
        """Return the names of a namespace's tables; none where the namespace does not exist."""
        parent = self.identifier_to_tuple(namespace)
        with self.engine.connect() as connection:
            names = connection.scalars(self._names, {"namespace": ".".join(parent)})
            return [(*parent, name) for name in names]

    def load_table(self, identifier: str | Identifier) -> Table:
        """Return a table with its newest metadata.

        Raises:
            NoSuchTableError: there is no such table.
            UnreadableError: its metadata file is damaged.
        """
        *parent, name = self.identifier_to_tuple(identifier)
        key = ".".join(parent), name
        with self.engine.connect() as connection:
            location = connection.scalar(self._location, {"namespace": key[0], "name": name})
        if location is None:
            raise NoSuchTableError(f"Table does not exist: {'.'.join(key)}")
        known = self._newest.get(key)
        if known is None or known[0] != location:
            known = self._newest[key] = location, self._read(location, ".".join(key))
        metadata = _own_properties(known[1])
        return Table((*parent, name), metadata, location, self._load_file_io(metadata.properties, location), self)

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """Commit, and keep the metadata that were written."""
        done = super().commit_table(table, requirements, updates)
        *namespace, name = table.name()
        self._newest[".".join(namespace), name] = done.metadata_location, _own_properties(done.metadata)
        return done

    @staticmethod
    @cache
    def _empty_table_metadata() -> TableMetadata:  # The same for all tables; its class looks for each default.
        return sql.SqlCatalog._empty_table_metadata()

    def _create_staged_table(self, *of: Any, **how: Any) -> StagedTable:  # noqa: ANN401 - PyIceberg's own
        staged = super()._create_staged_table(*of, **how)
        staged.metadata = _own_properties(staged.metadata)
        return staged

    def _read(self, location: str, dataset: str) -> TableMetadata:
        try:
            return FromInputFile.table_metadata(self._load_file_io(location=location).new_input(location))
        except (ValidationError, ValueError) as error:  # Of PyIceberg, of JSON and of text.
            raise UnreadableError(
                f"The metadata of {dataset} are damaged: {location} is no metadata file.",
                next_step="Put a good copy in its place, or `matinee lake restore` a backup (`deploy/lake.md`).",
                facts={"dataset": dataset, "file": location, "text": str(error)[:1000]},
            ) from error
