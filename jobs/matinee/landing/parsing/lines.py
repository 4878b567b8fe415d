"""Lines of landing files and records of streams as parsed rows: compiled code parses all that it can prove good."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract
from matinee.landing.parsing.parsed import about_rows, parsed_schema, put_together
from matinee.landing.parsing.strict import prover_of

if TYPE_CHECKING:
    import pyarrow as pa

#: The most lines of a batch, and its most bytes if it has several lines: it has to fit memory a few times over.
BATCH_LINES, BATCH_BYTES = 1 << 14, 1 << 26


def parse_lines(
    contract: Contract,
    file: str,
    lines: Sequence[bytes],
    first_line: int,
    landed_at: datetime,
    open_line: int | None = None,
) -> "pa.Table":
    """Return lines of one file as parsed rows.

    Args:
        contract: of a raw dataset.
        file: where they stand.
        lines: without their ends, the first one of a file without its byte order mark.
        first_line: the number of the first of them.
        landed_at: the received time of rows that state none.
        open_line: the number of the line that its writer may not have ended.
    """
    return parse_records(contract, about_rows(file, first_line, len(lines), landed_at, open_line), lines)


def parse_records(contract: Contract, about: "pa.RecordBatch", lines: Sequence[bytes]) -> "pa.Table":
    """Return lines of any files as parsed rows; many at once cost less than a few at a time.

    Args:
        contract: of a raw dataset.
        about: `file`, `line` and `landed_ts` of each line, and `is_open`: its writer may not have ended it.
        lines: without their ends.
    """
    import pyarrow as pa

    schema = parsed_schema(contract)
    first, parsed = 0, []
    for batch in _batches(lines, BATCH_LINES):
        parsed.append(_parse(contract, about.slice(first, len(batch)), batch))
        first += len(batch)
    return pa.Table.from_batches(parsed, schema)


def _batches(lines: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for first in range(0, len(lines), size):
        batch = lines[first : first + size]
        if len(batch) == 1 or sum(map(len, batch)) <= BATCH_BYTES:
            yield batch
        else:
            yield from _batches(batch, (len(batch) + 1) // 2)


def _parse(contract: Contract, about: "pa.RecordBatch", lines: Sequence[bytes]) -> "pa.RecordBatch":
    def texts(places: Sequence[int]) -> list[bytes]:
        return [lines[place] for place in places]

    return put_together(contract, about, prover_of(contract).prove(lines), texts)
