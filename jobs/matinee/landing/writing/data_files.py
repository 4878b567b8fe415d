"""Data files of a batch: judged rows, split by the partitions of their table; no snapshot names the files yet."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matinee.contracts.ddl import COMPRESSION_LEVEL, DICTIONARY_BYTES
from matinee.contracts.model import RECEIVED, Contract
from matinee.days import FIRST_DAY, start_of
from matinee.landing.parsing.judge import AHEAD
from matinee.landing.parsing.values import DAY_US
from matinee.settings import Settings
from matinee.sources.files.scan import filesystem

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of more partitions than this are sorted.
FEW_PARTS = 8


@dataclass(frozen=True)
class Target:
    """A table that rows are written for.

    Attributes:
        schema: its columns, each with its field id.
        folder: where its data files go.
        parts: its partition columns: a data file has one value of each, of an instant one day.
    """

    schema: "pa.Schema"
    folder: str
    parts: tuple[str, ...]


def write_rows(
    settings: Settings, contract: Contract, tables: Sequence["pa.Table"], good: Target, bad: Target
) -> tuple[list[str], list[str]]:
    """Write parsed rows of a raw dataset: the good ones for the raw table, the bad ones for the quarantine.

    Returns:
        The data files of each.

    Raises:
        OSError: a data file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len({table.schema for table in tables}) > 1:
        tables = [_decoded(table) for table in tables]
    rows = pa.concat_tables(tables)
    is_good, refused = pc.is_null(rows["reason"]), rows.filter(pc.is_valid(rows["reason"]))
    quarantined = _quarantined(contract, refused)
    return (
        [*_files(settings, good, rows, is_good)],
        [*_files(settings, bad, quarantined, pc.is_valid(refused["reason"]))],
    )


def _decoded(table: "pa.Table") -> "pa.Table":
    """Return rows without dictionaries."""
    import pyarrow as pa

    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _quarantined(contract: Contract, bad: "pa.Table") -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    received, landed = bad[RECEIVED], bad["landed_ts"]
    first = pa.scalar(start_of(FIRST_DAY), received.type)
    # A time outside the calendar makes the row unreadable; a time after the landing cannot be when it was received.
    can_be = pc.and_(pc.greater_equal(received, first), pc.less_equal(received, pc.add(landed, pa.scalar(AHEAD))))
    dataset = pa.repeat(pa.scalar(contract.dataset), bad.num_rows)
    known = pc.if_else(pc.fill_null(can_be, False), received, landed)
    columns = bad.drop_columns([RECEIVED]).append_column(RECEIVED, known)
    return columns.append_column("dataset", dataset)


def _files(settings: Settings, target: Target, rows: "pa.Table", wanted: "pa.ChunkedArray") -> Iterator[str]:
    """Write the wanted rows to data files, one for each of the target's partitions, and yield their paths."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = target.schema
    for place, column in enumerate(schema):
        if pa.types.is_large_string(column.type):
            # Texts are written in the form that they have here, which may be a dictionary.
            schema = schema.set(place, column.with_type(rows.schema.field(column.name).type))
    for piece in _split(rows.select(target.schema.names), target.parts, wanted):
        path = f"{target.folder}/{uuid.uuid4().hex}.parquet"
        files = filesystem(settings, path)
        files.makedirs(target.folder, exist_ok=True)
        with files.open(path, "wb") as stream:
            pq.write_table(
                piece.unify_dictionaries().cast(schema),
                stream,
                compression="zstd",
                compression_level=COMPRESSION_LEVEL,
                dictionary_pagesize_limit=DICTIONARY_BYTES,
                store_schema=False,
            )
        yield path


def _split(rows: "pa.Table", by: tuple[str, ...], wanted: "pa.ChunkedArray") -> Iterator["pa.Table"]:
    """Yield the wanted rows of each combination of values (of instants: days); the rows keep their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows)
    for name in by:
        # Rows without a value are a partition of their own.
        codes = pc.dictionary_encode(_values(rows[name]), null_encoding="encode")
        keys = pc.add(pc.multiply(keys, len(codes.dictionary)), codes.indices.cast(pa.int64()))
    keys = pc.if_else(wanted.combine_chunks(), keys, None)
    part_keys = sorted(keys.unique().drop_null().to_pylist())
    if len(part_keys) == 1 and not keys.null_count:
        yield rows
    elif len(part_keys) <= FEW_PARTS:
        # Rows of a partition mostly follow each other: such copies take half the time of a sort.
        yield from (rows.filter(pc.equal(keys, key)) for key in part_keys)
    else:
        order = pc.sort_indices(keys)[: rows.num_rows - keys.null_count]  # Unwanted rows come last.
        in_order, first = rows.take(order), 0
        for end in pc.run_end_encode(keys.take(order), run_end_type=pa.int64()).run_ends.to_pylist():
            yield in_order.slice(first, end - first)
            first = end


def _values(column: "pa.ChunkedArray") -> "pa.Array":
    """Return the values that rows are split by: of instants their days since 1970, which Arrow computes slowly."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return pa.array(column.cast(pa.int64()).to_numpy() // DAY_US)
    is_dictionary = pa.types.is_dictionary(column.type)
    return (column.cast(column.type.value_type) if is_dictionary else column).combine_chunks()
