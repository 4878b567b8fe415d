"""Reads and writes of tables by an engine that knows files only: the data files of a snapshot, and staged Parquet."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING
from urllib.parse import quote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.ddl import spark_type_of
from matinee.engine.tables.physical import Names, by_names
from matinee.engine.tables.staging import FOLDER, commit_staged, new_stage, partition_columns, staged_files
from matinee.errors import ConservationError
from matinee.settings import Engine
from matinee.table.catalog import Lake
from matinee.table.files import Cell, Slice, files_of

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table


class FileTables:
    """Tables by their files; PyIceberg plans what is read and commits what was written."""

    engine: Engine = "sail"
    #: Cells at least this large are derived one by one: their joins are smaller, no row is moved to another partition's
    #: file, and memory holds a cell, not a day. A smaller one costs less than the query for it.
    cell_rows: int | None = 100_000

    def __init__(self, session: SparkSession, lake: Lake, planned: Mapping[Slice, Sequence["DataFile"]]) -> None:
        self._session, self._lake, self._planned = session, lake, planned

    def read(self, wanted: Slice) -> DataFrame:
        """Read the days of a range at a pinned snapshot: the table's columns, from exactly the files of those days."""
        table = self._lake.table(wanted.dataset)
        day_column = self._lake.registry.get(wanted.dataset).day_column or ""
        planned = next(files for part, files in self._planned.items() if part.covers(wanted))
        paths = [file.file_path for file in files_of(table, day_column, planned, wanted)]
        if not paths:
            columns = (f"`{name}` {kind}" for name, kind in _spark_types(table).items())
            return self._session.createDataFrame([], ", ".join(columns))
        parts = [
            self._session.read.parquet(*map(_address, group)).select(*_columns(table, names))
            for names, group in by_names(table, paths)
        ]
        return reduce(DataFrame.unionByName, parts)

    def overwrite(
        self,
        frames: Iterable[tuple[Cell | None, DataFrame]],
        branch: str,
        replaced: Slice,
        properties: Mapping[str, str],
    ) -> None:
        """Replace a slice of a branch by the rows of the frames, in ONE commit that carries the properties.

        Args:
            frames: each with the cell of its rows, None where the rows are of several cells; written one by one.
            branch: where to commit; it must be at the slice's snapshot.
            replaced: the days and buckets whose rows are replaced.
            properties: of the commit.

        Raises:
            ConservationError: a required column has nulls, rows are of other days or cells, or written files are
                missing; nothing was committed.
            CommitConflictError: the branch moved meanwhile; nothing was committed.
        """
        table = self._lake.table(replaced.dataset)
        stage, cells = new_stage(table), dict[str, Cell]()
        for number, (cell, frame) in enumerate(frames):
            folder = f"{stage}/part-{number}"
            self._stage(table, frame, folder, partition_columns(table) if cell is None else [])
            cells |= dict.fromkeys(staged_files(table, folder), cell) if cell else {}
        commit_staged(self._lake.reloaded(), branch, replaced, staged_files(table, stage), properties, cells)

    def _stage(self, table: "Table", frame: DataFrame, folder: str, cells: list[str]) -> None:
        # A folder's column is not in its files, so the folders get columns of their own.
        typed = (F.col(name).cast(kind).alias(name) for name, kind in _spark_types(table).items())
        foldered = frame.select(*typed, *(F.col(name).alias(f"{FOLDER}{name}") for name in cells))
        foldered.write.partitionBy(*(f"{FOLDER}{name}" for name in cells)).parquet(_address(folder))
        if not staged_files(table, folder) and not foldered.isEmpty():
            raise ConservationError(
                f"The engine wrote rows of {'.'.join(table.name())} that are not found below {folder}.",
                next_step="Check that the engine and the catalog see the same storage; nothing was committed.",
                facts={"dataset": ".".join(table.name()), "stage": folder},
            )


def _address(path: str) -> str:
    """Return the URI of a location: Sail reads URIs, where Iceberg's locations are paths after a scheme."""
    scheme, named, rest = path.partition(":")
    if not named or "/" in scheme:
        scheme, rest = "file", path
    if scheme == "file":  # Hadoop writes file:/x, which others take for a relative path.
        rest = f"///{rest.lstrip('/')}"
    return f"{scheme}:{quote(rest)}"


def _spark_types(table: "Table") -> dict[str, str]:
    return {field.name: spark_type_of(field.field_type) for field in table.schema().fields}


def _columns(table: "Table", names: Names) -> list[Column]:
    return [
        (F.col(names[name]) if name in names else F.lit(None)).cast(kind).alias(name)
        for name, kind in _spark_types(table).items()
    ]
