"""The tables of a step, by the engine of the settings, or by Spark where that engine cannot read them right."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession

from matinee.engine.session import sail_session, spark_session, under_spark_submit
from matinee.io.files import FileTables
from matinee.io.tables import CatalogTables
from matinee.lake.catalog import Lake
from matinee.lake.files import Slice, plan_files
from matinee.lake.physical import why_unlocatable, why_unreadable

_LOG = logging.getLogger(__name__)


class Tables(Protocol):
    """What a step does with tables; the frames belong to one session."""

    def read(self, wanted: Slice) -> DataFrame:
        """Read the days of a range at a pinned snapshot: the table's columns."""

    def overwrite_days(
        self, frame: DataFrame, dataset: str, branch: str, first: date, last: date, properties: Mapping[str, str]
    ) -> None:
        """Replace the days of a range on a branch in ONE commit that carries the properties."""


@contextmanager
def open_tables(
    lake: Lake, wanted: Iterable[Slice], output: str | None = None
) -> Iterator[tuple[SparkSession, Tables]]:
    """Open a session of the engine that reads the slices and writes the output right; yield it and its tables.

    Raises:
        EngineUnavailableError, EngineFailedError, EnvironmentNotReadyError: see `engine.session`.
    """
    if lake.settings.engine == "sail":
        reason = _why_not_sail(lake, wanted, output)
        if reason is None:
            with sail_session(lake.settings) as session:
                yield session, FileTables(session, lake)
            return
        _LOG.warning("Spark does this step, not Sail: %s", reason)
    with spark_session(lake.settings) as session:
        yield session, CatalogTables(session, lake)


def _why_not_sail(lake: Lake, wanted: Iterable[Slice], output: str | None) -> str | None:
    if under_spark_submit():
        return "this process is a Spark driver"
    for one in wanted:
        table = lake.table(one.dataset)
        day_column = lake.registry.get(one.dataset).day_column or ""
        tasks = plan_files(table, day_column, snapshot_id=one.snapshot_id, first=one.first, last=one.last)
        reason = why_unlocatable(table) or why_unreadable(tasks)
        if reason is not None:
            return f"{one.dataset}: {reason}"
    reason = why_unlocatable(lake.table(output)) if output else None
    return f"{output}: {reason}" if reason else None
