"""Parts of a batch: files are read, judged and written as data files that no snapshot names yet.

A part is worked on by a process that knows neither the catalog nor an engine; what it returns is small. A file that is
refused leaves no row in any data file; the others of its part are not touched by that.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from matinee.contracts.ddl import COMPRESSION_LEVEL, DICTIONARY_BYTES
from matinee.contracts.model import RECEIVED, Contract
from matinee.days import FIRST_DAY, start_of
from matinee.errors import ConservationError, LandingRefusedError
from matinee.landing.model import Landing
from matinee.landing.parsing.judge import AHEAD
from matinee.landing.parsing.lines import parse_lines
from matinee.landing.parsing.rows import parse_rows
from matinee.landing.parsing.values import DAY_US
from matinee.settings import Settings
from matinee.sources.files.read import changed, read_blocks, read_rows
from matinee.sources.files.scan import Kind, LandingFile, filesystem, refused

if TYPE_CHECKING:
    import pyarrow as pa

#: So many rows are gathered before they are written.
ROWS_WRITTEN = 500_000
#: Rows are sorted where they are of more parts than this.
FEW_PARTS = 8
#: Reasons come first and are fewer; the rest is left to unknown fields, which a broken producer can make endless.
NAMES_COUNTED = 200


@dataclass(frozen=True)
class Target:
    """A table that rows are written for.

    Attributes:
        schema: its columns, each with its field id.
        folder: where its data files go.
        parts: its columns of whose values, or days for an instant, a data file has one each.
    """

    schema: "pa.Schema"
    folder: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """What a process is to do: the files of a raw dataset with their landing numbers, and where their rows go."""

    settings: Settings
    contract: Contract
    files: tuple[tuple[int, LandingFile], ...]
    landed_at: datetime
    good: Target
    bad: Target


@dataclass
class Written:
    """What came of it: the landings, the data files of each table, and the files that were refused."""

    landings: list[Landing] = field(default_factory=list)
    good: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    refused: list[LandingRefusedError] = field(default_factory=list)


def write_part(part: Part) -> Written:
    """Read and judge the files of a part and write their rows.

    Raises:
        ConservationError: rows were lost or doubled on the way; no snapshot knows any of them.
        OSError: a data file cannot be written.
    """
    written, waiting = Written(), list["pa.Table"]()
    is_alone = len(part.files) == 1
    for number, file in part.files:
        tables, tally = list["pa.Table"](), _Tally()
        try:
            for table in _judged(part, file):
                tally.add(table)
                tables.append(_placed(table, number, file.file))
                if is_alone and tally.rows_in % ROWS_WRITTEN < table.num_rows and tally.rows_in >= ROWS_WRITTEN:
                    # The rows of a large file are written as they come: where it is refused then, nobody names them.
                    _write(part, tables, written)
                    tables = []
        except LandingRefusedError as error:
            written.refused.append(error)
            if is_alone:
                written.good, written.bad = [], []
            continue
        waiting += tables
        written.landings.append(tally.landing(part, number, file))
        if sum(table.num_rows for table in waiting) >= ROWS_WRITTEN:
            _write(part, waiting, written)
            waiting = []
    _write(part, waiting, written)
    return written


def _judged(part: Part, file: LandingFile) -> Iterator["pa.Table"]:
    """Yield the rows of a file, good and bad: see `landing.parsed`."""
    import pyarrow as pa

    try:
        if file.kind is Kind.PARQUET:
            first = 1
            for batch in read_rows(part.settings, file):
                yield pa.Table.from_batches([parse_rows(part.contract, file.file, batch, first, part.landed_at)])
                first += batch.num_rows
        else:
            for block in read_blocks(part.settings, file):
                last = block.first + len(block.lines) - 1
                found = parse_lines(
                    part.contract, file.file, block.lines, block.first, part.landed_at, last if block.is_open else None
                )
                if found.num_rows != len(block.lines):
                    raise _lost(file, len(block.lines), found.num_rows)
                yield found
    except OSError as error:
        raise changed(file.file) from error
    except (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError, MemoryError) as error:
        # One odd file must not keep the others from landing: what it is odd in, nobody has thought of.
        cause = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
        raise refused(file.file, f"its rows cannot be read ({cause})", "Ask its producer for another form.") from error


@dataclass
class _Tally:
    rows_in: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, table: "pa.Table") -> None:
        import pyarrow.compute as pc

        self.rows_in += table.num_rows
        self.reasons += _counted(table["reason"].drop_null())
        self.unknown += _counted(pc.list_flatten(table["unknown"]))

    def landing(self, part: Part, number: int, file: LandingFile) -> Landing:
        bad = self.reasons.total()
        named = sorted(self.unknown.items(), key=lambda one: (-one[1], one[0]))[: NAMES_COUNTED - len(self.reasons)]
        return Landing(
            dataset=part.contract.dataset,
            file=file.file,
            sha256=file.sha256,
            rows_in=self.rows_in,
            rows_landed=self.rows_in - bad,
            rows_quarantined=bad,
            unknown_fields=dict(named),
            received_ts=part.landed_at,
            landing_seq=number,
            reasons=dict(sorted(self.reasons.items())),
            identity=file.identity,
        )


def _counted(values: "pa.ChunkedArray") -> Counter[str]:
    return Counter({str(one["values"]): int(one["counts"]) for one in values.value_counts().to_pylist()})


def _placed(table: "pa.Table", number: int, file: str) -> "pa.Table":
    """Return rows with their landing number, and with their file's name once for all of them."""
    import pyarrow as pa

    files = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), table.num_rows), [file])
    named = table.set_column(table.schema.get_field_index("file"), "file", files)
    return named.append_column("landing_seq", pa.repeat(pa.scalar(number, pa.int64()), table.num_rows))


def _write(part: Part, tables: list["pa.Table"], written: Written) -> None:
    """Write what was judged: the good rows for the raw table, the bad ones for the quarantine."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not tables:
        return
    if len({table.schema for table in tables}) > 1:
        tables = [_decoded(table) for table in tables]
    table = pa.concat_tables(tables)
    written.good += _files(part, part.good, table, pc.is_null(table["reason"]))
    bad = table.filter(pc.is_valid(table["reason"]))
    written.bad += _files(part, part.bad, _quarantined(part.contract, bad), pc.is_valid(bad["reason"]))


def _decoded(table: "pa.Table") -> "pa.Table":
    """Return rows without dictionaries."""
    import pyarrow as pa

    fields = [one.with_type(one.type.value_type) if pa.types.is_dictionary(one.type) else one for one in table.schema]
    return table.cast(pa.schema(fields))


def _quarantined(contract: Contract, bad: "pa.Table") -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    received, landed = bad[RECEIVED], bad["landed_ts"]
    first = pa.scalar(start_of(FIRST_DAY), received.type)
    # Outside the calendar nobody could read the row; a time after its landing is none at which it was received.
    can_be = pc.and_(pc.greater_equal(received, first), pc.less_equal(received, pc.add(landed, pa.scalar(AHEAD))))
    dataset = pa.repeat(pa.scalar(contract.dataset), bad.num_rows)
    known = pc.if_else(pc.fill_null(can_be, False), received, landed)
    columns = bad.drop_columns([RECEIVED]).append_column(RECEIVED, known)
    return columns.append_column("dataset", dataset)


def _files(part: Part, target: Target, rows: "pa.Table", wanted: "pa.ChunkedArray") -> Iterator[str]:
    """Write the wanted rows to data files, one for each of the target's parts, and yield where they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = target.schema
    for place, column in enumerate(schema):
        if pa.types.is_large_string(column.type):
            # Texts are written from what they are here in, also where each stands once for many rows.
            schema = schema.set(place, column.with_type(rows.schema.field(column.name).type))
    for piece in _split(rows.select(target.schema.names), target.parts, wanted):
        path = f"{target.folder}/{uuid.uuid4().hex}.parquet"
        files = filesystem(part.settings, path)
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
    """Yield the wanted rows of each combination of values, days for instants; in their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows)
    for name in by:
        # Rows without a value are a part of their own.
        codes = pc.dictionary_encode(_values(rows[name]), null_encoding="encode")
        keys = pc.add(pc.multiply(keys, len(codes.dictionary)), codes.indices.cast(pa.int64()))
    keys = pc.if_else(wanted.combine_chunks(), keys, None)
    found = sorted(keys.unique().drop_null().to_pylist())
    if len(found) == 1 and not keys.null_count:
        yield rows
    elif len(found) <= FEW_PARTS:
        # Rows of a part mostly follow each other: to copy them so takes half of what a sort does.
        yield from (rows.filter(pc.equal(keys, one)) for one in found)
    else:
        order = pc.sort_indices(keys)[: rows.num_rows - keys.null_count]  # Those that are not wanted come last.
        in_order, first = rows.take(order), 0
        for end in pc.run_end_encode(keys.take(order), run_end_type=pa.int64()).run_ends.to_pylist():
            yield in_order.slice(first, end - first)
            first = end


def _values(column: "pa.ChunkedArray") -> "pa.Array":
    """Return the values that parts have one each of: of instants their days since 1970, which Arrow is slow to find."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return pa.array(column.cast(pa.int64()).to_numpy() // DAY_US)
    is_dictionary = pa.types.is_dictionary(column.type)
    return (column.cast(column.type.value_type) if is_dictionary else column).combine_chunks()


def _lost(file: LandingFile, rows_in: int, rows: int) -> ConservationError:
    return ConservationError(
        f"{rows_in} lines of {file.file} were read and {rows} judged.",
        next_step="Nothing of this landing was committed. Report it with the file.",
        facts={"file": file.file, "sha256": file.sha256, "lines": rows_in, "judged": rows},
    )
