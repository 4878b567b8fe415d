"""Staged files: Parquet that an engine without a catalog wrote below a table's location, committed here.

Such files carry no field ids; the table's name mapping gives them, and evolution keeps the mapping true. Files that
were staged and never committed belong to no snapshot: orphan clean-up removes them.
"""

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from matinee.errors import CommitConflictError, ConservationError, UsageError
from matinee.lake import refs
from matinee.lake.catalog import Lake
from matinee.lake.commits import commit_errors, replace_files
from matinee.lake.files import BUCKET_COLUMN, Cell, data_files, file_day, partition_value

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

#: Prefix of the columns whose values name the folders of staged files, one for each partition field. It does not begin
#: with `_`: orphan clean-up passes over such folders.
FOLDER = "cell_"


def new_stage(table: "Table") -> str:
    """Return a location below the table's own that nothing was written to yet."""
    return f"{table.location()}/data/staged-{uuid.uuid4().hex}"


def partition_columns(table: "Table") -> list[str]:
    """Return the columns whose values are the table's partitions, in the order of its partitioning.

    Raises:
        UsageError: it is partitioned by a function of a column, which staged files cannot state.
    """
    schema, fields = table.schema(), table.spec().fields
    if any(str(field.transform) != "identity" for field in fields):
        raise UsageError(
            f"{'.'.join(table.name())} is partitioned by a function of a column.",
            next_step="Write it with Spark: unset MATINEE_ENGINE.",
            facts={"table": ".".join(table.name())},
        )
    return [schema.find_field(field.source_id).name for field in fields]


@dataclass(frozen=True)
class Target:
    """The days of a range on a branch of a dataset, and the snapshot that the branch was at before work began."""

    dataset: str
    branch: str
    expected: int
    first: date
    last: date


def commit_days(
    lake: Lake,
    target: Target,
    paths: Iterable[str],
    properties: Mapping[str, str],
    cells: Mapping[str, Cell] | None = None,
) -> None:
    """Replace the days by what was staged, in ONE commit that carries the properties.

    Args:
        cells: the one cell that a file's rows were derived for, by path, where it was one.

    Raises:
        ConservationError: a staged file has nulls in a required column, or rows of several partitions, of other days or
            of other cells, or cannot be read.
        CommitConflictError: the branch moved meanwhile, or other commits to the table came between each of many tries.
    """
    day_column = lake.registry.get(target.dataset).day_column or ""
    table = lake.table(target.dataset)
    added = _data_files(table, paths)
    _refuse_other_days(table, added, day_column, target.first, target.last)
    _refuse_other_cells(table, added, day_column, cells or {})
    days = {"first": target.first, "last": target.last}
    removed = list(data_files(table, day_column, snapshot_id=target.expected, **days))
    for _ in range(refs.COMMIT_TRIES):
        if refs.head(table, target.branch) != target.expected:
            raise _conflict(target, "the branch moved while files were staged")
        with suppress(CommitConflictError):
            _map_names(table)
            return replace_files(table, target.branch, removed, added, properties)
        table = lake.table(target.dataset)
    raise _conflict(target, f"{refs.COMMIT_TRIES} tries lost the race for the table's metadata")


def _conflict(target: Target, cause: str) -> CommitConflictError:
    return CommitConflictError(
        f"Staged files of {target.dataset} were not committed to {target.branch}: {cause}.",
        next_step="Run again: the work starts from what is there now.",
        facts={"dataset": target.dataset, "reference": target.branch, "expected": target.expected},
    )


def _map_names(table: "Table") -> None:
    """Give a table the mapping from names to field ids that files without ids are read by; evolution keeps it."""
    from pyiceberg.table import TableProperties
    from pyiceberg.table.name_mapping import create_mapping_from_schema

    if table.name_mapping() is None:
        mapping = create_mapping_from_schema(table.schema()).model_dump_json()
        with commit_errors(table), table.transaction() as transaction:
            transaction.set_properties({TableProperties.DEFAULT_NAME_MAPPING: mapping})


def _data_files(table: "Table", paths: Iterable[str]) -> list["DataFile"]:
    """Describe the staged files: partition, sizes and column statistics, from their footers."""
    from pyiceberg.io.pyarrow import parquet_files_to_data_files

    try:
        described = list(parquet_files_to_data_files(table.io, _nullable(table.metadata), iter(paths)))
    except ValueError as error:
        raise ConservationError(
            f"A staged file of {'.'.join(table.name())} cannot be committed: {error}.",
            next_step="Correct the transform; nothing was committed.",
            facts={"table": ".".join(table.name())},
        ) from error
    files = [file for file in described if file.record_count]
    for file in files:
        file.spec_id = table.metadata.default_spec_id
        _refuse_nulls(table, file)
    return files


def _nullable(metadata: "TableMetadata") -> "TableMetadata":
    # Engines declare derived columns nullable; whether a required one has nulls, the footers tell exactly.
    from pyiceberg.schema import Schema

    schema = metadata.schema()
    fields = (field.model_copy(update={"required": False}) for field in schema.fields)
    return metadata.model_copy(update={"schemas": [Schema(*fields, schema_id=schema.schema_id)]})


def staged_files(table: "Table", stage: str) -> list[str]:
    """Return the Parquet files below a stage."""
    from pyarrow.fs import FileSelector
    from pyiceberg.io.pyarrow import PyArrowFileIO

    io = PyArrowFileIO(table.io.properties)
    scheme, netloc, path = io.parse_location(stage, table.io.properties)
    found = io.fs_by_scheme(scheme, netloc).get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    return sorted(f"{stage}{file.path.removeprefix(path)}" for file in found if file.path.endswith(".parquet"))


def _refuse_other_days(table: "Table", files: list["DataFile"], day_column: str, first: date, last: date) -> None:
    others = {day for day in (file_day(table, file, day_column) for file in files) if not first <= day <= last}
    if others:
        raise ConservationError(
            f"Rows of {', '.join(map(str, sorted(others)))} were derived for {first} to {last}.",
            next_step="Correct the transform; nothing was committed.",
            facts={"table": ".".join(table.name()), "days": sorted(map(str, others))},
        )


def _refuse_other_cells(table: "Table", files: list["DataFile"], day_column: str, cells: Mapping[str, Cell]) -> None:
    for file in files:
        meant = cells.get(file.file_path)
        if meant is None:
            continue
        found = (file_day(table, file, day_column), partition_value(table, file, BUCKET_COLUMN))
        if found != (meant.day, meant.bucket):
            raise ConservationError(
                f"Rows of {found[0]}, bucket {found[1]}, were derived for {meant.day}, bucket {meant.bucket}.",
                next_step="Correct the transform; nothing was committed.",
                facts={"table": ".".join(table.name()), "file": file.file_path},
            )


def _refuse_nulls(table: "Table", file: "DataFile") -> None:
    nulls = file.null_value_counts or {}
    bad = [field.name for field in table.schema().fields if field.required and nulls.get(field.field_id)]
    if bad:
        raise ConservationError(
            f"{', '.join(bad)} of {'.'.join(table.name())} may not be null, and the derived rows have nulls there.",
            next_step="Correct the transform; nothing was committed.",
            facts={"table": ".".join(table.name()), "columns": bad, "file": file.file_path},
        )
