"""Registers: the tables `ops.*`, which grow by a few rows at a time; small files are gathered, old snapshots expire."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import (
    BeforeValidator,
    PlainSerializer,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    WrapSerializer,
)

from matinee.errors import CommitConflictError, ConservationError, MatineeError
from matinee.retries import again_where_lost, committed
from matinee.table import refs
from matinee.table.catalog import Lake, catalog_errors, summary_of
from matinee.table.commits import commit_errors, replace_files, transaction
from matinee.table.removal import remove_with_files

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, Table

T = TypeVar("T")
log = logging.getLogger(__name__)
#: So many small files of a partition are rewritten into one file, up to so many bytes at once. Larger files are left as
#: they are: the cost of a rewrite does not grow with the table.
MANY, SMALL_BYTES, AT_ONCE_BYTES = 10, 2**20, 4 * 2**20
#: In the summary of a commit: the number of files that it rewrote, with the same rows.
GATHERED = "matinee.gathered"
#: How long a register's snapshot is kept for its readers; how many unread snapshots are worth a commit.
GRACE, WORTH_IT = timedelta(hours=1), 5


def _packed(value: object, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> object:
    return json.dumps(handler(value)) if info.round_trip else handler(value)


def _unpacked(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


#: The type of a field that is JSON text in a row, and a JSON object in a summary.
Packed = Annotated[T, BeforeValidator(_unpacked), WrapSerializer(_packed)]
#: The type of a field that is an instant: JSON has it in the form of `isoformat`.
Instant = Annotated[datetime, PlainSerializer(datetime.isoformat, when_used="json")]
#: The type of a text whose column is null where it is empty.
Text = Annotated[str, BeforeValidator(lambda text: text or ""), PlainSerializer(lambda text: text or None)]


def codec(kind: type[T]) -> TypeAdapter[T]:
    """Return the adapter that turns values of a dataclass into plain values and back."""
    adapter: TypeAdapter[T] = _made(kind)
    return adapter


_made: Any = cache(TypeAdapter)


def to_text(value: object, **which: Any) -> str:  # noqa: ANN401 - arguments of pydantic's
    """Return a dataclass as JSON with sorted keys, as summaries of commits carry it; `which` includes or excludes."""
    plain = codec(type(value)).dump_python(value, mode="json", **which)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


class Register(Generic[T]):
    """A register whose rows are values of a dataclass; a field that has no column yet has its default."""

    def __init__(self, dataset: str, kind: type[T]) -> None:
        """Take the register's name, and the dataclass: its fields have the names of the columns."""
        self.dataset, self.kind = dataset, kind

    def append(self, lake: Lake, values: Iterable[T], *, onto: "Table | None" = None) -> None:
        """Append values in one commit; see `append_rows`. Fields without a column are left out."""
        append_rows(lake, self.dataset, map(self.row, values), onto=onto)

    def rows(self, lake: Lake, where: "str | BooleanExpression" = "") -> list[T]:
        """Return the values that match a predicate (default: all), in no order."""
        return list(map(self.value, read_rows(lake, self.dataset, where)))

    def row(self, value: T) -> dict[str, Any]:
        """Return the row of a value."""
        row: dict[str, Any] = codec(self.kind).dump_python(value, round_trip=True)
        return row

    def value(self, row: Mapping[str, object]) -> T:
        """Read what `row` returned."""
        return codec(self.kind).validate_python(row)


def read_rows(lake: Lake, dataset: str, where: "str | BooleanExpression" = "", *columns: str) -> list[dict[str, Any]]:
    """Return the rows of a register that match a predicate (default: all), with some columns (default: all).

    A register that was not made yet has no rows.
    """
    if not lake.exists(dataset):
        return []
    from pyiceberg.expressions import AlwaysTrue

    scanned = lake.table(dataset).scan(where or AlwaysTrue(), selected_fields=columns or ("*",)).to_arrow()
    rows: list[dict[str, Any]] = scanned.to_pylist()
    return rows


def stamp() -> datetime:
    """Return the time for a record of a register: it says when the record was made; no row of data depends on it."""
    return datetime.now(UTC)


def append_rows(lake: Lake, dataset: str, rows: Iterable[Mapping[str, object]], *, onto: "Table | None" = None) -> None:
    """Append rows with the contract's columns to a register in one commit; without rows there is no commit.

    Args:
        lake: the lake.
        dataset: the register.
        rows: the rows to append.
        onto: the register as the caller saw it: a later append is a conflict; default: as it is now.

    Raises:
        CommitConflictError: others appended first in every try; nothing was appended.
        CatalogUnavailableError: the catalog or its storage does not answer.
    """
    import pyarrow as pa

    listed = [dict(row) for row in rows]
    if not listed:
        return
    table = onto or lake.ensure(dataset)
    if onto:  # A retry inside PyIceberg would append to what the caller has not seen.
        table.metadata.properties["commit.retry.num-retries"] = "0"
    with commit_errors(table), transaction(table) as change:
        change.append(pa.Table.from_pylist(listed, schema=table.schema().as_arrow()))
    _keep_small(lake, table)


def replace_rows(lake: Lake, dataset: str, rows: Iterable[Mapping[str, object]]) -> bool:
    """Make rows the only rows of a register, in one commit; return False where they are that already.

    Args:
        lake: the lake.
        dataset: a register that is a copy of something else.
        rows: with the contract's columns.

    Raises:
        CommitConflictError: another process committed first; nothing was changed.
        CatalogUnavailableError: the catalog or its storage does not answer.
    """
    import pyarrow as pa
    from pyiceberg.io.pyarrow import _dataframe_to_data_files

    table = lake.ensure(dataset)
    with catalog_errors():
        tasks = list(table.scan().plan_files())
        before = table.scan().to_arrow()
    after = pa.Table.from_pylist(list(map(dict, rows)), schema=table.schema().as_arrow())
    if sorted(map(repr, before.to_pylist())) == sorted(map(repr, after.to_pylist())):
        return False
    with catalog_errors(table.location()):
        added = list(_dataframe_to_data_files(table.metadata, after, table.io)) if len(after) else []
    replace_files(table, refs.MAIN, [task.file for task in tasks], added, {})
    _keep_small(lake, lake.table(dataset))
    return True


def unread(table: "Table", now: datetime) -> tuple[int, ...]:
    """Return the snapshots of a register that nobody reads any more.

    No reference names them, and `main` left them more than `GRACE` ago; or they are older than `GRACE` and were never
    the head of `main`. The newest rows hold all records: only a reader that has begun needs an earlier snapshot.
    """
    named = {ref.snapshot_id for ref in table.metadata.refs.values()}
    until, end = refs.last_read_ms(table), (now - GRACE).timestamp() * 1000
    return tuple(
        snapshot.snapshot_id
        for snapshot in table.metadata.snapshots
        if snapshot.snapshot_id not in named and until.get(snapshot.snapshot_id, snapshot.timestamp_ms) < end
    )


def _keep_small(lake: Lake, table: "Table") -> None:
    """Gather files and expire snapshots, where that is worth a commit; a failure does not undo the append."""
    dataset = ".".join(table.name())
    try:
        if int(summary_of(table, refs.head(table))["total-data-files"]) % MANY == 0:
            gather(lake, dataset)
        snapshot_ids = unread(table, stamp())
        if len(snapshot_ids) >= WORTH_IT:
            remove_with_files(lake, dataset, snapshot_ids)
    except MatineeError as error:
        log.warning("Small files or old snapshots of %s go later: %s", dataset, error)


def gather(lake: Lake, dataset: str) -> tuple[int, int]:
    """Rewrite the small files of each partition that has many into one file; one commit per partition.

    Returns:
        The number of files before, and after.

    Raises:
        CommitConflictError: others committed first in every try; what was rewritten until then stands.
        ConservationError: the number of rows read is not the number that the files state; nothing was changed.
    """
    files: list[int] = []

    def once() -> bool:
        table = lake.table(dataset)
        with catalog_errors():
            tasks = list(table.scan().plan_files())
        files.append(len(tasks))
        small = _many_small(tasks)
        added = _rewritten(table, small)
        is_worth_it = len(added) < len(small)  # Else no file is small, or their rows need as many files.
        if is_worth_it:
            with again_where_lost:
                replace_files(table, refs.MAIN, small, added, {GATHERED: str(len(small))})
        return is_worth_it

    lost = CommitConflictError(
        f"Others committed to {dataset} first, {refs.COMMIT_TRIES} times.",
        next_step="Nothing: the next night gathers it.",
        facts={"dataset": dataset},
    )
    while committed(once, lost):
        pass
    return files[0], files[-1]


def _many_small(tasks: Iterable["FileScanTask"]) -> list["DataFile"]:
    """Return the smallest files of a partition that has many, as many as are rewritten at once; else no file.

    A file with deleted rows stays: a rewrite would bring these rows back.
    """
    partitions = defaultdict[tuple[object, ...], list["DataFile"]](list)
    files = (task.file for task in tasks if not task.delete_files)
    for file in sorted(files, key=lambda file: file.file_size_in_bytes):
        small = partitions[tuple(file.partition[place] for place in range(len(file.partition)))]
        if file.file_size_in_bytes < SMALL_BYTES and sum(other.file_size_in_bytes for other in small) < AT_ONCE_BYTES:
            small.append(file)
    return next((small for small in partitions.values() if len(small) >= MANY), [])


def _rewritten(table: "Table", small: Sequence["DataFile"]) -> list["DataFile"]:
    """Write the rows of some files to new files, which no snapshot names yet; return the new files."""
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.io.pyarrow import ArrowScan, _dataframe_to_data_files
    from pyiceberg.table import FileScanTask

    if not small:
        return []
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    with catalog_errors():
        rows = scan.to_table([FileScanTask(data_file=file) for file in small])
    told = sum(file.record_count for file in small)
    if rows.num_rows != told:
        raise ConservationError(
            f"{rows.num_rows} rows were read of {'.'.join(table.name())}, whose files say that they have {told}.",
            next_step="Run matinee doctor; nothing was changed.",
            facts={"table": ".".join(table.name())},
        )
    with catalog_errors(table.location()):
        return list(_dataframe_to_data_files(table.metadata, rows, table.io))
