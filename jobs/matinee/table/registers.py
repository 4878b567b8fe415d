"""Registers: the tables `ops.*`, appended to a few rows at a time; small files are gathered, old snapshots expire."""

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
#: So many small files of a partition are rewritten into one. A file that is not small is left as it is, and so much is
#: rewritten at once: what that costs does not grow with what the table holds.
MANY, SMALL_BYTES, AT_ONCE_BYTES = 10, 2**20, 4 * 2**20
#: In the summary of a commit: so many files were rewritten, with the same rows.
GATHERED = "matinee.gathered"
#: How long a snapshot of a register is kept for those who read it; so many that nobody reads are worth a commit.
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
    """Return what turns values of a dataclass into plain values and back."""
    adapter: TypeAdapter[T] = _made(kind)
    return adapter


_made: Any = cache(TypeAdapter)


def to_text(value: object, **which: Any) -> str:  # noqa: ANN401 - arguments of pydantic's
    """Return a dataclass as JSON with sorted keys, as summaries of commits carry it; `which` includes or excludes."""
    plain = codec(type(value)).dump_python(value, mode="json", **which)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


class Register(Generic[T]):
    """A register of which each row is a value of a dataclass; a field that has no column yet has its default."""

    def __init__(self, dataset: str, kind: type[T]) -> None:
        """Take the register's name, and the dataclass: its fields have the names of the columns."""
        self.dataset, self.kind = dataset, kind

    def append(self, lake: Lake, values: Iterable[T]) -> None:
        """Append values in one commit; see `append_rows`. What has no column is left out."""
        append_rows(lake, self.dataset, map(self.row, values))

    def rows(self, lake: Lake, where: "str | BooleanExpression" = "") -> list[T]:
        """Return the values that a predicate holds for (default: all), in no order."""
        return list(map(self.value, read_rows(lake, self.dataset, where)))

    def row(self, value: T) -> dict[str, Any]:
        """Return the row of a value."""
        found: dict[str, Any] = codec(self.kind).dump_python(value, round_trip=True)
        return found

    def value(self, row: Mapping[str, object]) -> T:
        """Read what `row` returned."""
        return codec(self.kind).validate_python(row)


def read_rows(lake: Lake, dataset: str, where: "str | BooleanExpression" = "", *columns: str) -> list[dict[str, Any]]:
    """Return the rows of a register that a predicate holds for (default: all), with some columns (default: all).

    A register that was not made yet has none.
    """
    if not lake.exists(dataset):
        return []
    from pyiceberg.expressions import AlwaysTrue

    found = lake.table(dataset).scan(where or AlwaysTrue(), selected_fields=columns or ("*",)).to_arrow()
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def stamp() -> datetime:
    """Return the time for a record of a register: it says when a thing was noted and no row of data depends on it."""
    return datetime.now(UTC)


def append_rows(lake: Lake, dataset: str, rows: Iterable[Mapping[str, object]], *, onto: "Table | None" = None) -> None:
    """Append rows, as its contract has them, to a register in one commit; for none there is no commit.

    Args:
        lake: the lake.
        dataset: the register.
        rows: what is noted.
        onto: the register as the caller saw it: what was appended since is a conflict; default: as it is now.

    Raises:
        CommitConflictError: others appended first, each of many times; nothing was appended.
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


def unread(table: "Table", now: datetime) -> tuple[int, ...]:
    """Return the snapshots of a register that nobody reads any more: no reference names them, and `main` left them long
    ago, or never was there.

    What a register says stands in its rows: its earlier snapshots are of use to who reads one, and to nobody else.
    """
    named = {ref.snapshot_id for ref in table.metadata.refs.values()}
    until, end = refs.last_read_ms(table), (now - GRACE).timestamp() * 1000
    return tuple(
        snapshot.snapshot_id
        for snapshot in table.metadata.snapshots
        if snapshot.snapshot_id not in named and until.get(snapshot.snapshot_id, snapshot.timestamp_ms) < end
    )


def _keep_small(lake: Lake, table: "Table") -> None:
    """Gather and expire, where it is worth a commit: what was appended stands, whatever becomes of that."""
    dataset = ".".join(table.name())
    try:
        if int(summary_of(table, refs.head(table))["total-data-files"]) % MANY == 0:
            gather(lake, dataset)
        found = unread(table, stamp())
        if len(found) >= WORTH_IT:
            remove_with_files(lake, dataset, found)
    except MatineeError as error:
        log.warning("Small files or old snapshots of %s go later: %s", dataset, error)


def gather(lake: Lake, dataset: str) -> tuple[int, int]:
    """Rewrite the small files of each partition that has many into one; a commit a partition.

    Returns:
        How many files the table had, and has.

    Raises:
        CommitConflictError: others committed first, each of many times; what was rewritten until then stands.
        ConservationError: the rows that were read are not those that the files say they have; nothing was changed.
    """
    before, lost = None, 0
    while lost < refs.COMMIT_TRIES:
        table = lake.table(dataset)
        with catalog_errors():
            tasks = list(table.scan().plan_files())
        before, small = len(tasks) if before is None else before, _many_small(tasks)
        added = _rewritten(table, small)
        if len(added) >= len(small):  # None is small, or what they hold needs as many files.
            return before, len(tasks)
        try:
            replace_files(table, refs.MAIN, small, added, {GATHERED: str(len(small))})
        except CommitConflictError:
            lost += 1
    raise CommitConflictError(
        f"Others committed to {dataset} first, {lost} times.",
        next_step="Nothing: the next night gathers it.",
        facts={"dataset": dataset},
    )


def _many_small(tasks: Iterable["FileScanTask"]) -> list["DataFile"]:
    """Return the smallest files of a partition that has many, as many as are rewritten at once; none where none has.

    Rows of a file that were deleted by another file would come back: such a file stays.
    """
    partitions = defaultdict[tuple[object, ...], list["DataFile"]](list)
    files = (task.file for task in tasks if not task.delete_files)
    for file in sorted(files, key=lambda file: file.file_size_in_bytes):
        found = partitions[tuple(file.partition[place] for place in range(len(file.partition)))]
        if file.file_size_in_bytes < SMALL_BYTES and sum(one.file_size_in_bytes for one in found) < AT_ONCE_BYTES:
            found.append(file)
    return next((found for found in partitions.values() if len(found) >= MANY), [])


def _rewritten(table: "Table", small: Sequence["DataFile"]) -> list["DataFile"]:
    """Return new files with the rows of some, which no snapshot names yet."""
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
