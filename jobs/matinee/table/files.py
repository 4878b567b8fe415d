"""What a table's own metadata says of its files: rows, bytes and landing numbers, without reading a row."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from matinee.days import day_of, instant_of
from matinee.table import refs

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, Table

LANDING_SEQ = "matinee.landing-seq"


@dataclass(frozen=True, order=True)
class Cell:
    """An event day and a profile bucket: the smallest part of a table that is derived, or rewritten, on its own."""

    day: date
    bucket: int


@dataclass(frozen=True)
class Slice:
    """A range of days of a dataset at a snapshot; all buckets, or some."""

    dataset: str
    snapshot_id: int
    first: date
    last: date
    buckets: tuple[int, ...] | None = None

    def covers(self, other: "Slice") -> bool:
        """Whether every row of the other slice belongs to this slice."""
        same = (self.dataset, self.snapshot_id) == (other.dataset, other.snapshot_id)
        return same and self.first <= other.first and other.last <= self.last and self._has(other.buckets)

    def _has(self, buckets: tuple[int, ...] | None) -> bool:
        return self.buckets is None or (buckets is not None and set(buckets) <= set(self.buckets))


@dataclass(frozen=True)
class DaySize:
    """What one event day holds at a snapshot."""

    rows: int = 0
    files: int = 0
    bytes: int = 0

    def plus(self, file: "DataFile") -> "DaySize":
        """Return the size with one file more."""
        return DaySize(self.rows + file.record_count, self.files + 1, self.bytes + file.file_size_in_bytes)


def day_sizes(
    table: "Table",
    day_column: str,
    *,
    snapshot_id: int | None = None,
    first: date | None = None,
    last: date | None = None,
) -> dict[date, DaySize]:
    """Return the size of each day of the range (default: all) that has rows, at a snapshot (default: `main`'s)."""
    sizes: dict[date, DaySize] = defaultdict(DaySize)
    for file in data_files(table, day_column, snapshot_id=snapshot_id, first=first, last=last):
        day = file_day(table, file, day_column)
        sizes[day] = sizes[day].plus(file)
    return dict(sizes)


def data_files(
    table: "Table",
    day_column: str,
    *,
    snapshot_id: int | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Iterator["DataFile"]:
    """Yield the live data files whose day is in the range; manifests of other days are not opened."""
    for task in plan_files(table, day_column, snapshot_id=snapshot_id, first=first, last=last):
        yield task.file


def plan_files(
    table: "Table",
    day_column: str,
    *,
    snapshot_id: int | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Iterable["FileScanTask"]:
    """Return the live data files whose day is in the range, each with the deletes that belong to it.

    Raises:
        SnapshotGoneError: the snapshot has expired.
    """
    bounds = [("<=", last), (">=", first)]
    wanted = " and ".join(f"{day_column} {sign} '{day.isoformat()}'" for sign, day in bounds if day is not None)
    if snapshot_id is not None:
        refs.require(table, snapshot_id)
    return table.scan(row_filter=wanted or "true", snapshot_id=snapshot_id).plan_files()


def manifests(table: "Table") -> int:
    """Read the manifests of `main`, and return how many they are: rows are not read."""
    snapshot = table.current_snapshot()
    every = snapshot.manifests(table.io) if snapshot else []
    for manifest in every:
        manifest.fetch_manifest_entry(table.io)
    return len(every)


def slice_files(table: "Table", day_column: str, wanted: Slice) -> Iterator["DataFile"]:
    """Yield the live data files of a slice at its snapshot."""
    files = data_files(table, day_column, snapshot_id=wanted.snapshot_id, first=wanted.first, last=wanted.last)
    return files_of(table, day_column, files, wanted)


def files_of(table: "Table", day_column: str, files: Iterable["DataFile"], wanted: Slice) -> Iterator["DataFile"]:
    """Yield the files that hold rows of the slice."""
    for file in files:
        if in_buckets(table, file, wanted.buckets) and wanted.first <= file_day(table, file, day_column) <= wanted.last:
            yield file


def in_buckets(table: "Table", file: "DataFile", buckets: tuple[int, ...] | None) -> bool:
    """Whether a data file holds rows of one of the buckets; true for any file where `buckets` is None."""
    if buckets is None:
        return True
    bucket = file_bucket(table, file)
    if bucket is None:
        raise KeyError(f"{'.'.join(table.name())} is not kept by buckets")
    return bucket in buckets


def file_day(table: "Table", file: "DataFile", day_column: str) -> date:
    """Return the day of a data file, from its partition."""
    value = partition_value(table, file, day_column)
    return value if isinstance(value, date) else day_of(int(str(value)))


def partition_value(table: "Table", file: "DataFile", column: str) -> object:
    """Return the value that an identity-partitioned column has in a data file."""
    spec = table.specs()[file.spec_id]
    schema = table.schema()
    for position, field in enumerate(spec.fields):
        if schema.find_field(field.source_id).name == column and str(field.transform) == "identity":
            return file.partition[position]
    raise KeyError(f"{'.'.join(table.name())} is not partitioned by {column}")


def file_bucket(table: "Table", file: "DataFile") -> int | None:
    """Return the bucket of a data file: the value of its table's integer partition column; None where there is none."""
    from pyiceberg.types import IntegerType

    schema = table.schema()
    for position, field in enumerate(table.specs()[file.spec_id].fields):
        is_whole = isinstance(schema.find_type(field.source_id), IntegerType)
        if is_whole and str(field.transform) == "identity":
            return int(str(file.partition[position]))
    return None


def landing_seq(table: "Table", snapshot_id: int | None = None) -> int:
    """Return the highest landing number that a snapshot of a raw table holds; 0 where nothing was landed.

    Raises:
        SnapshotGoneError: the snapshot has expired.
    """
    if snapshot_id is not None:
        refs.require(table, snapshot_id)
    for _, summary in refs.summaries(table, snapshot_id):
        if LANDING_SEQ in summary:
            return int(summary[LANDING_SEQ])
    return _highest_bound(table, "landing_seq", snapshot_id)


def day_landing_seqs(table: "Table", day_column: str, snapshot_id: int, first: date, last: date) -> dict[date, int]:
    """Return the highest landing number of each day of the range: it changes iff rows were landed in the day."""
    highest: dict[date, int] = defaultdict(int)
    for file in data_files(table, day_column, snapshot_id=snapshot_id, first=first, last=last):
        day = file_day(table, file, day_column)
        highest[day] = max(highest[day], upper_number(table, file, "landing_seq"))
    return dict(highest)


def upper_instant(table: "Table", file: "DataFile", column: str) -> datetime | None:
    """Return the greatest instant of a column of a data file, from its statistics; None where they lack it."""
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import TimestamptzType

    bound = file.upper_bounds.get(table.schema().find_field(column).field_id)
    if bound is None:
        return None
    return instant_of(int(from_bytes(TimestamptzType(), bound)))


def _highest_bound(table: "Table", column: str, snapshot_id: int | None) -> int:
    # Needed only where every landing snapshot has expired: the files' statistics then hold the number, and for files of
    # dropped days a table property holds it.
    files = (task.file for task in table.scan(snapshot_id=snapshot_id).plan_files())
    dropped = int(table.properties.get(LANDING_SEQ, 0))
    return max([dropped, *(upper_number(table, file, column) for file in files)])


def upper_number(table: "Table", file: "DataFile", column: str) -> int:
    """Return the greatest value of a column of whole numbers of a data file, from its statistics; 0 without them."""
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import LongType

    bound = file.upper_bounds.get(table.schema().find_field(column).field_id)
    return int(from_bytes(LongType(), bound)) if bound else 0
