"""Reads and writes of tables by Spark: always a named snapshot or branch, always a named range of days."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import reduce

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from matinee.contracts.model import Contract
from matinee.errors import CommitConflictError
from matinee.settings import Engine, Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import Cell, Slice

#: Texts in Iceberg's errors where another commit was first, or expiry removed the snapshot that was read.
_CONFLICTS = (
    "iceberg.exceptions.ValidationException",
    "iceberg.exceptions.CommitFailedException",
    "Cannot find snapshot with ID",
)


def full_name(settings: Settings, dataset: str, branch: str | None = None) -> str:
    """Return the name Spark knows a table (or a branch of it) by; parts come from contracts and validated ids."""
    suffix = f".branch_{branch}" if branch else ""
    return f"{settings.catalog_name}.{dataset}{suffix}"


def days_between(day_column: str, first: date, last: date) -> Column:
    """Return the predicate `first <= day <= last`, which Iceberg prunes files by."""
    return (F.col(day_column) >= F.lit(first)) & (F.col(day_column) <= F.lit(last))


def pinned(spark: SparkSession, settings: Settings, dataset: str, snapshot_id: int) -> DataFrame:
    """Read a table at a pinned snapshot: the columns that it had then."""
    return spark.read.option("versionAsOf", str(snapshot_id)).table(full_name(settings, dataset))


def read(
    spark: SparkSession, settings: Settings, dataset: str, snapshot_id: int, day_column: str, first: date, last: date
) -> DataFrame:
    """Read the days of a range at a pinned snapshot: the table's columns."""
    return pinned(spark, settings, dataset, snapshot_id).where(days_between(day_column, first, last))


def append(
    frame: DataFrame,
    settings: Settings,
    dataset: str,
    branch: str,
    properties: Mapping[str, str],
    *,
    spread: bool = False,
) -> None:
    """Append rows to a branch in ONE commit that carries the properties; without rows there is a commit, too.

    Args:
        frame: the table's columns.
        settings: which lake.
        dataset: the table.
        branch: where.
        properties: of the commit's summary.
        spread: each task writes what it has, as it comes, to as many files as it has days: the rows of a day are
            neither sent to one task first nor sorted. A day that is compacted is sorted then, within its files.
    """
    writer = frame.writeTo(full_name(settings, dataset, branch))
    options = {f"snapshot-property.{name}": value for name, value in properties.items()}
    if spread:
        options |= {"use-table-distribution-and-ordering": "false", "fanout-enabled": "true"}
    for name, value in options.items():
        writer = writer.option(name, value)
    writer.append()


def update(
    rows: DataFrame,
    settings: Settings,
    contract: Contract,
    branch: str,
    days: Iterable[date],
    properties: Mapping[str, str],
) -> None:
    """Replace rows of a branch of a table by rows of the same key, in ONE commit that carries the properties.

    Args:
        rows: the contract's columns; the table has every key, none twice.
        settings: which lake.
        contract: of the table.
        branch: where.
        days: all days of the rows: no other day is read.
        properties: of the commit's summary.
    """
    session, view = rows.sparkSession, f"rows_of_{contract.name}"
    rows.select(*contract.column_names).createOrReplaceTempView(view)
    same = " AND ".join(f"t.{name} = s.{name}" for name in (contract.day_column, *contract.key_columns))
    listed = ", ".join(f"DATE '{day.isoformat()}'" for day in sorted(days))
    with commit_properties(session, properties):
        session.sql(
            f"MERGE INTO {full_name(settings, contract.dataset, branch)} t USING {view} s "
            f"ON {same} AND t.{contract.day_column} IN ({listed}) WHEN MATCHED THEN UPDATE SET *"
        ).collect()


def replace_days(
    rows: DataFrame,
    settings: Settings,
    contract: Contract,
    branch: str,
    first: date,
    last: date,
    properties: Mapping[str, str],
    *,
    but: Collection[date] = (),
) -> None:
    """Replace the days of a range of a branch (`but`: not these) by rows, in ONE commit that carries the properties.

    A DELETE of whole files would not carry the properties.
    """
    writer = rows.select(*contract.column_names).writeTo(full_name(settings, contract.dataset, branch))
    for name, value in properties.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    day = contract.day_column or ""
    writer.overwrite(days_between(day, first, last) & ~F.col(day).isin(*but) if but else days_between(day, first, last))


@contextmanager
def commit_properties(session: SparkSession, properties: Mapping[str, str]) -> Iterator[None]:
    """Have the commits of SQL statements carry properties, for the length of a block."""
    names = {f"spark.sql.iceberg.snapshot-property.{name}": value for name, value in properties.items()}
    try:
        for name, value in names.items():
            session.conf.set(name, value)
        yield
    finally:
        for name in names:
            session.conf.unset(name)


@contextmanager
def conflicts(dataset: str) -> Iterator[None]:
    """Turn Spark's errors where another commit came between into Matinee's error.

    Raises:
        CommitConflictError: another commit changed what was read or replaced; nothing was changed.
    """
    try:
        yield
    except PySparkException as error:
        if not any(word in str(error) for word in _CONFLICTS):
            raise
        raise CommitConflictError(
            f"Another commit changed {dataset} meanwhile: {str(error).splitlines()[0][:200]}",
            next_step="Run again: the work starts from what is there now.",
            facts={"dataset": dataset},
        ) from error


class CatalogTables:
    """Tables by Spark's own catalog."""

    engine: Engine = "spark"
    #: Another job costs Spark more than smaller jobs save: the range is derived at once.
    cell_rows: int | None = None

    def __init__(self, session: SparkSession, lake: Lake) -> None:
        self._session, self._lake = session, lake

    def read(self, wanted: Slice) -> DataFrame:
        """Read the days of a range at a pinned snapshot: the table's columns.

        Raises:
            SnapshotGoneError: the snapshot has expired.
        """
        refs.require(self._lake.table(wanted.dataset), wanted.snapshot_id)
        contract = self._lake.registry.get(wanted.dataset)
        days = (contract.day_column or "", wanted.first, wanted.last)
        frame = read(self._session, self._lake.settings, wanted.dataset, wanted.snapshot_id, *days)
        return frame if wanted.buckets is None else frame.where(F.col(contract.cells.column).isin(*wanted.buckets))

    def overwrite(
        self,
        frames: Iterable[tuple[Cell | None, DataFrame]],
        branch: str,
        replaced: Slice,
        properties: Mapping[str, str],
    ) -> None:
        """Replace a slice of a branch by the rows of the frames, in ONE commit that carries the properties.

        By predicate, never dynamically: an empty frame then leaves empty days, not the old rows.
        """
        frame = reduce(DataFrame.unionByName, (frame for _, frame in frames))
        writer = frame.writeTo(full_name(self._lake.settings, replaced.dataset, branch))
        for name, value in properties.items():
            writer = writer.option(f"snapshot-property.{name}", value)
        contract = self._lake.registry.get(replaced.dataset)
        days = days_between(contract.day_column or "", replaced.first, replaced.last)
        buckets = replaced.buckets
        writer.overwrite(days if buckets is None else days & F.col(contract.cells.column).isin(*buckets))
