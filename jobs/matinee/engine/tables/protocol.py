"""The tables of a step, by the engine of the settings, or by Spark where that engine cannot read them correctly."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from pyspark.sql import DataFrame, SparkSession

from matinee.engine.session import sail_session, spark_session, under_spark_submit
from matinee.engine.tables.physical import why_unreadable, why_unwritable
from matinee.engine.tables.sail_tables import FileTables
from matinee.engine.tables.spark_tables import CatalogTables
from matinee.settings import Engine
from matinee.table.catalog import Lake
from matinee.table.files import Cell, Slice, plan_files

if TYPE_CHECKING:
    from pyiceberg.table import FileScanTask

_LOG = logging.getLogger(__name__)


class Tables(Protocol):
    """What a step does with tables; the frames belong to one session.

    `engine` runs the frames. `cell_rows` is how many rows cells must have, on average, to be derived one by one; None:
    they never are.
    """

    engine: Engine
    cell_rows: int | None

    def read(self, wanted: Slice) -> DataFrame:
        """Read the days of a range at a pinned snapshot: the table's columns."""

    def overwrite(
        self,
        frames: Iterable[tuple[Cell | None, DataFrame]],
        branch: str,
        replaced: Slice,
        properties: Mapping[str, str],
    ) -> None:
        """Replace a slice of a branch by the rows of the frames, in ONE commit that carries the properties.

        Each frame comes with the cell of its rows, None where the rows are of several cells.
        """


@contextmanager
def open_tables(
    lake: Lake, wanted: Iterable[Slice], output: str | None = None
) -> Iterator[tuple[SparkSession, Tables]]:
    """Open a session of the engine that reads the slices and writes the output correctly; yield it and its tables.

    All reads use one look at the lake: their snapshots are pinned.

    Raises:
        EngineUnavailableError, EngineFailedError, EnvironmentNotReadyError: see `engine.session`.
    """
    lake = lake.one_look()
    if lake.settings.engine == "sail":
        planned = {part: _planned(lake, part) for part in wanted}
        reason = _why_not_sail(lake, planned, output)
        if reason is None:
            files = {part: [task.file for task in tasks] for part, tasks in planned.items()}
            with sail_session(lake.settings) as session:
                yield session, FileTables(session, lake, files)
            return
        _LOG.warning("Spark does this step, not Sail: %s", reason)
    with spark_session(lake.settings) as session:
        yield session, CatalogTables(session, lake)


def _planned(lake: Lake, wanted: Slice) -> list["FileScanTask"]:
    day_column = lake.registry.get(wanted.dataset).day_column or ""
    days = {"first": wanted.first, "last": wanted.last}
    return list(plan_files(lake.table(wanted.dataset), day_column, snapshot_id=wanted.snapshot_id, **days))


def _why_not_sail(lake: Lake, planned: Mapping[Slice, Sequence["FileScanTask"]], output: str | None) -> str | None:
    if under_spark_submit():
        return "this process is a Spark driver"
    for part, tasks in planned.items():
        if reason := why_unreadable(tasks):
            return f"{part.dataset}: {reason}"
    table = lake.table(output) if output else None
    reason = why_unwritable(table) if table else None
    return f"{output}: {reason}" if reason else None
