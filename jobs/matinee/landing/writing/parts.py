"""Parts of a batch: files are read, judged and written as data files that no snapshot names yet.

The process that writes a part knows neither the catalog nor an engine, and returns little. A refused file leaves no row
in any data file; the other files of its part are landed all the same.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from matinee.contracts.model import Contract
from matinee.errors import ConservationError, NotLandedError
from matinee.landing.model import Landing
from matinee.landing.parsing.lines import parse_lines, parse_records
from matinee.landing.parsing.parsed import about_files
from matinee.landing.parsing.rows import parse_rows
from matinee.landing.writing.data_files import Target, write_rows
from matinee.settings import Settings
from matinee.sources.files.read import BLOCK_BYTES, Lines, changed, read_blocks, read_rows
from matinee.sources.files.scan import Kind, LandingFile, refused

if TYPE_CHECKING:
    import pyarrow as pa

#: A file with its landing number.
Numbered: TypeAlias = tuple[int, LandingFile]

#: So many rows, or bytes of rows, are gathered before they are written: bad lines may be long.
ROWS_WRITTEN, BYTES_WRITTEN = 500_000, 1 << 28
#: Files of so many bytes or fewer are judged together: so many at a time, and no more than one block of lines.
SMALL_BYTES = {Kind.TEXT: 1 << 17, Kind.GZIPPED: 1 << 13}
FILES_TOGETHER = 50
#: The content of a file is at most so many times as large as the file.
_INFLATED = {Kind.TEXT: 1, Kind.GZIPPED: 1032}
#: A landing counts so many names: its few reasons, then unknown fields; a broken producer can send any number.
NAMES_COUNTED = 200
#: Unforeseen errors that reading and judging an odd file may raise.
_ODD = (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError, MemoryError)


@dataclass(frozen=True)
class Part:
    """What a process is to do: the files of a raw dataset with their landing numbers, and where their rows go."""

    settings: Settings
    contract: Contract
    files: tuple[Numbered, ...]
    landed_at: datetime
    good: Target
    bad: Target


@dataclass
class Written:
    """The result of a part: the landings, the data files of each table, and the files that were refused."""

    landings: list[Landing] = field(default_factory=list)
    good: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    refused: list[NotLandedError] = field(default_factory=list)


def write_part(part: Part) -> Written:
    """Read and judge the files of a part and write their rows.

    Raises:
        ConservationError: rows were lost or doubled on the way; no snapshot knows any of them.
        OSError: a data file cannot be written.
    """
    written, waiting = Written(), list["pa.Table"]()
    for files in _gathered(part.files):
        waiting += _rows_of_small(part, files, written) if len(files) > 1 else _rows_of_file(part, files[0], written)
        if _are_many(waiting):
            _write(part, waiting, written)
            waiting = []
    _write(part, waiting, written)
    return written


def _gathered(files: Sequence[Numbered]) -> Iterator[Sequence[Numbered]]:
    """Yield each file by itself, small ones together: a call of Arrow costs as much for few rows as for thousands."""
    together, content = list[Numbered](), 0
    for number, file in files:
        is_small = file.size <= SMALL_BYTES.get(file.kind, -1)
        most = file.size * _INFLATED.get(file.kind, 1)
        if together and (not is_small or len(together) == FILES_TOGETHER or content + most > BLOCK_BYTES):
            yield together
            together, content = [], 0
        if is_small:
            together.append((number, file))
            content += most
        else:
            yield [(number, file)]
    if together:
        yield together


def _rows_of_file(part: Part, numbered: Numbered, written: Written) -> "list[pa.Table]":
    """Return the rows of a file that wait to be written."""
    (number, file), early = numbered, Written()
    tables, tally = list["pa.Table"](), _Tally()
    try:
        for table in _judged(part, file):
            tally.add(table)
            tables.append(_placed(table, [numbered], [table.num_rows]))
            if _are_many(tables):
                # The rows of a large file are written at once: if it is refused later, no snapshot names them.
                _write(part, tables, early)
                tables = []
    except NotLandedError as error:
        written.refused.append(error)
        return []
    written.good += early.good
    written.bad += early.bad
    written.landings.append(tally.landing(part, number, file))
    return tables


def _are_many(tables: "Sequence[pa.Table]") -> bool:
    rows, size = (sum(int(getattr(table, name)) for table in tables) for name in ("num_rows", "nbytes"))
    return rows >= ROWS_WRITTEN or size >= BYTES_WRITTEN


def _rows_of_small(part: Part, files: Sequence[Numbered], written: Written) -> "list[pa.Table]":
    """Return the rows of small text files that wait to be written; all are judged at once."""
    import pyarrow.compute as pc

    read, refused_here = list[tuple[Numbered, Lines]](), list[NotLandedError]()
    try:
        for number, file in files:
            try:
                blocks = [*read_blocks(part.settings, file)]
                read.append(((number, file), blocks[0] if blocks else Lines(1, [])))
            except NotLandedError as error:
                refused_here.append(error)
        lines = [line for _, block in read for line in block.lines]
        about = about_files([(file.file, len(block.lines), block.is_open) for (_, file), block in read], part.landed_at)
        table = parse_records(part.contract, about, lines)
    except (OSError, *_ODD):
        # The odd file shows when each file is judged by itself.
        return [table for numbered in files for table in _rows_of_file(part, numbered, written)]
    if table.num_rows != len(lines):
        raise _lost(read[0][0][1], len(lines), table.num_rows)
    written.refused += refused_here
    is_clean = table["reason"].null_count == len(lines) and not len(pc.list_flatten(table["unknown"]))
    first = 0
    for (number, file), block in read:
        tally = _Tally(len(block.lines) if is_clean else 0)
        if not is_clean:
            tally.add(table.slice(first, len(block.lines)))
        written.landings.append(tally.landing(part, number, file))
        first += len(block.lines)
    return [_placed(table, [numbered for numbered, _ in read], [len(block.lines) for _, block in read])]


def _judged(part: Part, file: LandingFile) -> Iterator["pa.Table"]:
    """Yield the rows of a file, good and bad: see `landing.parsing.parsed`."""
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
                table = parse_lines(
                    part.contract, file.file, block.lines, block.first, part.landed_at, last if block.is_open else None
                )
                if table.num_rows != len(block.lines):
                    raise _lost(file, len(block.lines), table.num_rows)
                yield table
    except OSError as error:
        raise changed(file.file) from error
    except _ODD as error:
        # One odd file must not keep the others from landing.
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
        named = sorted(self.unknown.items(), key=lambda pair: (-pair[1], pair[0]))[: NAMES_COUNTED - len(self.reasons)]
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
    return Counter({str(entry["values"]): int(entry["counts"]) for entry in values.value_counts().to_pylist()})


def _placed(table: "pa.Table", files: Sequence[Numbered], counts: Sequence[int]) -> "pa.Table":
    """Return rows of files, so many of each, with the file's landing number, and its name as a dictionary."""
    import pyarrow as pa

    places = np.repeat(np.arange(len(files), dtype=np.int32), counts)
    names = pa.DictionaryArray.from_arrays(places, pa.array([file.file for _, file in files], pa.string()))
    named = table.set_column(table.schema.get_field_index("file"), "file", names)
    numbers = np.array([number for number, _ in files], np.int64)
    return named.append_column("landing_seq", pa.array(numbers[places]))


def _write(part: Part, tables: "Sequence[pa.Table]", written: Written) -> None:
    if tables:
        good, bad = write_rows(part.settings, part.contract, tables, part.good, part.bad)
        written.good += good
        written.bad += bad


def _lost(file: LandingFile, rows_in: int, rows: int) -> ConservationError:
    return ConservationError(
        f"{rows_in} lines of {file.file} were read and {rows} judged.",
        next_step="Nothing of this landing was committed. Report it with the file.",
        facts={"file": file.file, "sha256": file.sha256, "lines": rows_in, "judged": rows},
    )
