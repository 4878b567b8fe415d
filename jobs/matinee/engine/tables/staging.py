"""Staged files: Parquet that an engine without a catalog wrote below a table's location, committed here.

Such files carry no field ids; the table's name mapping gives them, and evolution keeps the mapping correct. Files that
were staged and never committed belong to no snapshot: orphan clean-up removes them.
"""

import uuid
from collections.abc import Iterable, Mapping
from itertools import chain, repeat
from typing import TYPE_CHECKING

from matinee import retries
from matinee.errors import CommitConflictError, ConservationError, UsageError
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_errors, replace_files
from matinee.table.files import Cell, Slice, file_bucket, file_day, files_of, slice_files

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
        UsageError: the table is partitioned by a function of a column, which staged files cannot state.
    """
    schema, fields = table.schema(), table.spec().fields
    if any(str(field.transform) != "identity" for field in fields):
        raise UsageError(
            f"{'.'.join(table.name())} is partitioned by a function of a column.",
            next_step="Write it with Spark: unset MATINEE_ENGINE.",
            facts={"table": ".".join(table.name())},
        )
    return [schema.find_field(field.source_id).name for field in fields]


def commit_staged(
    lake: Lake,
    branch: str,
    replaced: Slice,
    paths: Iterable[str],
    properties: Mapping[str, str],
    cells: Mapping[str, Cell] | None = None,
) -> None:
    """Replace a slice of a branch by staged files, in ONE commit that carries the properties.

    Args:
        lake: the lake.
        branch: the branch; it must still be at the slice's snapshot.
        replaced: the days and buckets that are replaced.
        paths: the staged files.
        properties: of the commit.
        cells: by path, the cell that a file's rows were derived for, where that was a single cell.

    Raises:
        ConservationError: a staged file has nulls in a required column, or rows of several partitions, of other days or
            of other cells, or cannot be read.
        CommitConflictError: the branch moved meanwhile, or other commits to the table came first in every try.
    """
    day_column = lake.registry.get(replaced.dataset).day_column or ""
    table = lake.table(replaced.dataset)
    added = _data_files(table, paths)
    _refuse_others(table, added, day_column, replaced)
    _refuse_other_cells(table, added, day_column, cells or {})
    removed = list(slice_files(table, day_column, replaced))

    looks = chain([table], map(lake.table, repeat(replaced.dataset)))

    def once() -> None:
        table = next(looks)
        if refs.head(table, branch) != replaced.snapshot_id:
            raise _conflict(branch, replaced, "the branch moved while files were staged")
        with retries.again_where_lost:
            _map_names(table)
            replace_files(table, branch, removed, added, properties)

    lost = f"{refs.COMMIT_TRIES} tries lost the race for the table's metadata"
    retries.committed(once, _conflict(branch, replaced, lost))


def _conflict(branch: str, replaced: Slice, cause: str) -> CommitConflictError:
    return CommitConflictError(
        f"Staged files of {replaced.dataset} were not committed to {branch}: {cause}.",
        next_step="Run again: the work starts from what is there now.",
        facts={"dataset": replaced.dataset, "reference": branch, "expected": replaced.snapshot_id},
    )


def _map_names(table: "Table") -> None:
    """Give a table the mapping from names to field ids by which files without ids are read; evolution keeps it."""
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
    # Engines declare derived columns nullable; the footers tell exactly whether a required column has nulls.
    from pyiceberg.schema import Schema

    schema = metadata.schema()
    fields = (field.model_copy(update={"required": False}) for field in schema.fields)
    return metadata.model_copy(update={"schemas": [Schema(*fields, schema_id=schema.schema_id)]})


def staged_files(table: "Table", stage: str) -> list[str]:
    """Return the Parquet files below a stage."""
    from pyarrow.fs import FileSelector

    from matinee.table.file_io import filesystem_of

    files, path = filesystem_of(stage, table.io.properties)
    listed = files.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    return sorted(f"{stage}{file.path.removeprefix(path)}" for file in listed if file.path.endswith(".parquet"))


def _refuse_others(table: "Table", files: list["DataFile"], day_column: str, replaced: Slice) -> None:
    inside = {file.file_path for file in files_of(table, day_column, files, replaced)}
    others = [file for file in files if file.file_path not in inside]
    if others:
        days = sorted({str(file_day(table, file, day_column)) for file in others})
        wanted = f"{replaced.first} to {replaced.last}"
        only = "" if replaced.buckets is None else f", buckets {', '.join(map(str, replaced.buckets))}"
        raise ConservationError(
            f"Rows of {', '.join(days)} were derived for {wanted}{only}.",
            next_step="Correct the transform; nothing was committed.",
            facts={"table": ".".join(table.name()), "days": days},
        )


def _refuse_other_cells(table: "Table", files: list["DataFile"], day_column: str, cells: Mapping[str, Cell]) -> None:
    for file in files:
        meant = cells.get(file.file_path)
        if meant is None:
            continue
        actual = (file_day(table, file, day_column), file_bucket(table, file))
        if actual != (meant.day, meant.bucket):
            raise ConservationError(
                f"Rows of {actual[0]}, bucket {actual[1]}, were derived for {meant.day}, bucket {meant.bucket}.",
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
