"""The names and types of columns in data files, for engines that read files and know no table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from matinee.errors import ConservationError, UnreadableError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import FileScanTask, Table

_FIELD_ID = b"PARQUET:field_id"

#: A file's name of each table column; columns are missing that the table got after the file was written.
Names = Mapping[str, str]


def why_unwritable(table: "Table") -> str | None:
    """Return why files that an engine writes without field ids cannot be the table's, or None where they can."""
    nested = [field.name for field in table.schema().fields if not field.field_type.is_primitive]
    # Names give such files their ids, and engines name the items of lists differently.
    return f"its {', '.join(nested)} holds lists or structs" if nested else None


def why_unreadable(tasks: Iterable["FileScanTask"]) -> str | None:
    """Return why rows cannot be read from the files alone, or None where they can."""
    from pyiceberg.manifest import FileFormat

    for task in tasks:
        if task.delete_files:
            return f"{task.file.file_path} has rows that were deleted by another file"
        if task.file.file_format != FileFormat.PARQUET:
            return f"{task.file.file_path} is not Parquet"
    return None


def by_names(table: "Table", paths: Iterable[str]) -> list[tuple[Names, list[str]]]:
    """Group files by the names and types of their columns; each group can be read at once.

    Writers store equal rows differently: some mark text as Arrow's large text, and engines cannot read a file with the
    mark together with a file without it.

    Raises:
        ConservationError: a file is gone.
        UnreadableError: a file is damaged.
    """
    current = {field.field_id: field.name for field in table.schema().fields}
    groups: dict[frozenset[tuple[int | None, str, str]], list[str]] = defaultdict(list)
    for path in paths:
        held = ((_field_id(table, field), field.name, str(field.type)) for field in _arrow_schema(table, path))
        groups[frozenset(held)].append(path)
    return [
        ({current[field_id]: name for field_id, name, _ in held if field_id in current}, files)
        for held, files in groups.items()
    ]


def _arrow_schema(table: "Table", path: str) -> "pa.Schema":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with table.io.new_input(path).open() as stream:
            return pq.read_schema(stream)
    except pa.ArrowInvalid as error:
        raise UnreadableError(
            f"A data file of {'.'.join(table.name())} cannot be read: {path}: {error}",
            next_step="Put a good copy in its place (`deploy/lake.md`, Damaged files), then run again.",
            facts={"table": ".".join(table.name()), "file": path},
        ) from error
    except FileNotFoundError as error:
        # Sail reads a missing file as a file without rows.
        raise ConservationError(
            f"A data file of {'.'.join(table.name())} is gone: {path}.",
            next_step="Restore it, or run again the publication that wrote it.",
            facts={"table": ".".join(table.name()), "file": path},
        ) from error


def _field_id(table: "Table", field: "pa.Field") -> int | None:
    if field.metadata and _FIELD_ID in field.metadata:
        return int(field.metadata[_FIELD_ID])
    mapped = [known for known in table.name_mapping() or () if field.name in known.names]
    return mapped[0].field_id if mapped else None
