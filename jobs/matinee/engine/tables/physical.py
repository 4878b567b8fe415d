"""What data files are called by and hold, for engines that read files and know no table."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import FileScanTask, Table

_FIELD_ID = b"PARQUET:field_id"

#: By the table's column: what a file calls it; a column is missing that the table got after the file was written.
Names = Mapping[str, str]


def why_unlocatable(table: "Table") -> str | None:
    """Return why an engine that takes paths for patterns cannot work below the table's location, or None."""
    odd = sorted(set(table.location()) & set("*?[]{}%"))
    return f"its location {table.location()} has {' '.join(odd)}" if odd else None


def why_unreadable(tasks: Iterable["FileScanTask"]) -> str | None:
    """Return why rows cannot be had from the files alone, or None where they can."""
    from pyiceberg.manifest import FileFormat

    for task in tasks:
        if task.delete_files:
            return f"{task.file.file_path} has rows that were deleted by another file"
        if task.file.file_format != FileFormat.PARQUET:
            return f"{task.file.file_path} is not Parquet"
    return None


def by_names(table: "Table", paths: Iterable[str]) -> list[tuple[Names, list[str]]]:
    """Group files by what they call the table's columns and hold them as; each group can be read at once.

    Of a table that never changed no file is opened.
    """
    current = {field.name: field.name for field in table.schema().fields}
    if len(table.schemas()) == 1:
        return [(current, list(paths))]
    groups: dict[tuple[tuple[str, str, str], ...], list[str]] = defaultdict(list)
    for path in paths:
        groups[tuple(_held(table, path))].append(path)
    return [({column: name for column, name, _ in held}, found) for held, found in groups.items()]


def _held(table: "Table", path: str) -> Iterator[tuple[str, str, str]]:
    """Yield the table's columns that a file has, each with its name and type there."""
    by_id = {_field_id(table, field): field for field in _arrow_schema(table, path)}
    for field in table.schema().fields:
        if field.field_id in by_id:
            yield field.name, by_id[field.field_id].name, str(by_id[field.field_id].type)


def _arrow_schema(table: "Table", path: str) -> "pa.Schema":
    import pyarrow.parquet as pq

    with table.io.new_input(path).open() as stream:
        return pq.read_schema(stream)


def _field_id(table: "Table", field: "pa.Field") -> int | None:
    if field.metadata and _FIELD_ID in field.metadata:
        return int(field.metadata[_FIELD_ID])
    mapped = [known for known in table.name_mapping() or () if field.name in known.names]
    return mapped[0].field_id if mapped else None
