"""PyIceberg's catalog in a database, which parses a metadata file once for as long as it is a table's newest.

Each load and each commit asks the database where that file is. The file itself never changes, a commit writes another:
what was parsed of it holds for whoever asks next, as for the commit that follows a load.
"""

from pyiceberg.catalog import sql
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata


class SqlCatalog(sql.SqlCatalog):
    """A catalog that knows the newest metadata of the tables that were loaded."""

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self._newest: dict[tuple[str, str], tuple[str, TableMetadata]] = {}

    def _convert_orm_to_iceberg(self, orm_table: sql.IcebergTables) -> Table:
        name = (orm_table.table_namespace, orm_table.table_name)
        known = self._newest.get(name)
        if known is None or known[0] != orm_table.metadata_location:
            read = super()._convert_orm_to_iceberg(orm_table)
            known = self._newest[name] = read.metadata_location, read.metadata
        location, newest = known
        # A loaded table may be given properties for one commit: they are its own.
        metadata = newest.model_copy(update={"properties": dict(newest.properties)})
        io = self._load_file_io(metadata.properties, location)
        return Table((*self.identifier_to_tuple(name[0]), name[1]), metadata, location, io, self)
