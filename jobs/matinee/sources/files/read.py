"""Reading landing files: blocks of lines or of rows, with never more than one block of a file in memory.

The bytes that are read are those that were scanned, or the file is refused. A file on this machine gets another
identity with each write, but not with writes to memory that a process maps to the file. Where its identity is not known
yet, or the file is elsewhere, a text file is hashed as it is read. A Parquet file is not read from front to back: it is
hashed after it was read.
"""

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from itertools import islice
from typing import IO, TYPE_CHECKING

from matinee.errors import FileChangedError, LandingRefusedError
from matinee.settings import Settings
from matinee.sources.files.scan import CHUNK_BYTES, Kind, LandingFile, filesystem, identity, is_local, reaching, refused

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

_GZIP = 16 + zlib.MAX_WBITS
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: How a file begins that is one array of objects: its lines are no objects, or none has an end.
_ARRAY = re.compile(rb"\s*\[\s*(?:\{|\Z)")
#: An array of objects that ends on its line: among other lines the line is bad, not the file.
_CLOSED = re.compile(rb"\s*\[\s*\{.*\}\s*\]\s*", re.DOTALL)
#: How the last bytes of such a line end.
_CLOSES = re.compile(rb"\}\s*\]\s*\Z")
#: So many bytes of a line that is too long are kept.
HEAD_BYTES = 1000
#: Lines and rows are handed on in blocks of about so many bytes, or of so many rows.
BLOCK_BYTES, BLOCK_ROWS = 16 << 20, 1 << 16
#: So many bytes of a Parquet column are read at once to look at its first row.
_PROBE_BYTES = 1 << 16
#: Texts of a Parquet column that take so few bytes each are read as a dictionary.
_REPEATED_BYTES = 3
#: Writers that put each text into a dictionary once. Of a text that is there twice, Arrow mixes up the rows.
_WRITE_ONCE = ("parquet-cpp-arrow", "parquet-mr")


class LongLine(bytes):
    """What is kept of a line that is too long to be parsed: its length, its SHA-256 and its first bytes, as text.

    Attributes:
        last: its last bytes.
    """

    last = b""


@dataclass(frozen=True)
class Lines:
    """Lines of a file, without their ends.

    Attributes:
        first: the number of the first one, from 1.
        is_open: the last one has no end: the producer may have been cut off within it.
    """

    first: int
    lines: list[bytes]
    is_open: bool = False


def read_blocks(settings: Settings, file: LandingFile, block_bytes: int = BLOCK_BYTES) -> Iterator[Lines]:
    """Yield the lines of a text file; a byte order mark at the start of the file is left out.

    A line of more than `settings.landing.max_line_bytes` is a `LongLine`: it is never held whole.

    Raises:
        LandingRefusedError: it is an array of objects, or a truncated or damaged gzip, or does not hold the bytes that
            were scanned any more: what was yielded before is of no use.
    """
    first, size, is_array = 1, 0, False
    lines, held = list[bytes](), _OpenLine(settings.landing.max_line_bytes)
    head = list[bytes]()  # Of an array: the first two lines that are not blank.
    for position, chunk in enumerate(_content(settings, file)):
        text = chunk.removeprefix(_BYTE_ORDER_MARK) if position == 0 else chunk
        is_array = bool(_ARRAY.match(text)) if position == 0 else is_array
        *ended, rest = text.split(b"\n")
        if ended:
            ended[0] = held.end(ended[0])
            lines += ended
            head += islice(filter(bytes.strip, ended), 2 - len(head)) if is_array else ()
        held.add(rest)
        size += len(chunk)
        # Whether other lines follow an array on the first line is known with the second line.
        if size >= block_bytes and lines and len(head) != 1:
            if first == 1:
                _refuse_array(file, head)
            yield Lines(first, lines)
            first, lines, size = first + len(lines), [], 0
    # Bytes after the last end of a line are one more line; no bytes are none.
    is_open = held.size > 0
    if is_open:
        lines.append(held.end(b""))
        head += lines[-1:] if is_array and len(head) < 2 else ()
    if first == 1:
        _refuse_array(file, head)
    if lines:
        yield Lines(first, lines, is_open)


def _refuse_array(file: LandingFile, head: list[bytes]) -> None:
    """Refuse a file that begins as an array, unless the array ends on its line and other lines follow."""
    first = head[0] if head else b""
    is_closed = _CLOSES.search(first.last) if isinstance(first, LongLine) else _CLOSED.fullmatch(first)
    if head and not (is_closed and len(head) > 1):
        why = "it is an array of objects, where each line is to be one object"
        raise refused(file.file, why, "Write it with `jq -c '.[]'`.")


class _OpenLine:
    """A line whose end was not read yet: its pieces; or, once it is too long, its head and its digest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 0
        self._pieces, self._last = list[bytes](), b""
        self._digest: hashlib._Hash | None = None

    def add(self, piece: bytes) -> None:
        """Add the bytes that follow."""
        self.size += len(piece)
        if self._digest is not None:
            self._digest.update(piece)
            self._last = (self._last + piece)[-HEAD_BYTES:]
            return
        self._pieces.append(piece)
        if self.size > self._most:
            read = b"".join(self._pieces)
            self._pieces, self._digest = [read[:HEAD_BYTES]], hashlib.sha256(read)
            self._last = read[-HEAD_BYTES:]

    def end(self, piece: bytes) -> bytes:
        """Return the line with its last bytes, and begin the next one."""
        self.add(piece)
        line = b"".join(self._pieces)
        if self._digest is not None:
            line = LongLine(f"{self.size} bytes, SHA-256 {self._digest.hexdigest()}, begin with: ".encode() + line)
            line.last = self._last
        self.size, self._pieces, self._digest = 0, [], None
        return line


def read_lines(settings: Settings, file: LandingFile) -> Iterator[bytes]:
    """Yield the lines of a text file.

    Raises:
        LandingRefusedError: see `read_blocks`.
    """
    return (line for block in read_blocks(settings, file) for line in block.lines)


def read_rows(settings: Settings, file: LandingFile) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a Parquet file; texts that repeat as dictionaries.

    Raises:
        LandingRefusedError: it is no readable Parquet, or was changed meanwhile: what was yielded before is of no use.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = filesystem(settings, file.file)
    try:
        with files.open(file.file, "rb") as stream:
            before = file.identity or identity(files, file.file, stream)
            metadata = pq.read_metadata(stream)
            # With a buffer a look at a row does not read the whole column.
            repeated = _repeated(pq.ParquetFile(stream, metadata=metadata, buffer_size=_PROBE_BYTES))
            yield from pq.ParquetFile(stream, metadata=metadata, read_dictionary=repeated).iter_batches(BLOCK_ROWS)
            same = _is_same(settings, file, before, stream)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        if not _is_same(settings, file, file.identity):
            raise changed(file.file) from error
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise refused(file.file, f"its Parquet is not readable ({cause[0]})", "Write it again.") from error
    if not same:
        raise changed(file.file)


def _repeated(parquet: "ParquetFile") -> list[str]:
    """Return the columns of a Parquet file that take so few bytes that each text must be stored once for many rows."""
    metadata = parquet.metadata
    if not (metadata.created_by or "").startswith(_WRITE_ONCE):
        return []
    texts = {
        number: leaf.path
        for number, leaf in enumerate(metadata.schema)
        if leaf.physical_type == "BYTE_ARRAY" and leaf.max_repetition_level == 0 and str(leaf.logical_type) == "String"
    }
    size = Counter(dict.fromkeys(texts.values(), 0))
    for group in range(metadata.num_row_groups) if texts else ():
        # Of a column that is encrypted, or whose description is damaged, a read raises an error; Arrow ends the whole
        # process where it is asked for the description first.
        next(parquet.iter_batches(1, row_groups=[group], columns=[*texts.values()]), None)
        for number, path in texts.items():
            size[path] += metadata.row_group(group).column(number).total_uncompressed_size
    return [path for path in texts.values() if size[path] <= _REPEATED_BYTES * metadata.num_rows]


def _is_same(settings: Settings, file: LandingFile, known: str, read: BufferedReader | None = None) -> bool:
    """Whether a file, or the stream that was read, holds the bytes that were scanned, and was not written meanwhile."""
    files = filesystem(settings, file.file)
    try:
        if not _is_told_by_identity(file):
            with nullcontext(read) if read else files.open(file.file, "rb") as stream:
                stream.seek(0)
                if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                    return False
        # A file that was replaced and then restored holds the same bytes, though other bytes were read.
        return known in ("", identity(files, file.file, read))
    except OSError:  # It is gone, or goes while it is read.
        return False


def _is_told_by_identity(file: LandingFile) -> bool:
    # An object that was replaced and then restored has its earlier identity again.
    return file.identity != "" and is_local(file.file)


def changed(file: str) -> FileChangedError:
    """Return the error that a file is not the one that was found or scanned."""
    return FileChangedError(
        f"{file} is refused: it was changed while it was landed.",
        next_step="Land it again when nobody writes to it; other content belongs in a file of another name.",
        facts={"file": file},
    )


def _content(settings: Settings, file: LandingFile) -> Iterator[bytes]:
    """Yield the content of a text file, unzipped; at its end the bytes are known to be those that were scanned."""
    if file.content is not None:
        yield from _read(BytesIO(file.content), None)
        return
    files, digest = filesystem(settings, file.file), None if _is_told_by_identity(file) else hashlib.sha256()
    try:
        with reaching(file.file, lambda path, _: changed(path)), files.open(file.file, "rb") as stream:
            chunks = _read(stream, digest)
            yield from _unzipped(file.file, chunks) if file.kind is Kind.GZIPPED else chunks
            is_same = file.identity in ("", identity(files, file.file, stream))
    except LandingRefusedError as error:
        if not _is_same(settings, file, file.identity):
            raise changed(file.file) from error
        raise
    if not is_same or (digest and digest.hexdigest() != file.sha256):
        raise changed(file.file)


def _read(stream: IO[bytes], digest: "hashlib._Hash | None") -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        if digest:
            digest.update(chunk)
        yield chunk


def _unzipped(file: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of a gzip of one or several members, each checked against its own checksum.

    Zeros after a member are padding, as for gzip(1): writers of whole blocks fill the last block with zeros.
    """
    member = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        left, is_full = chunk.lstrip(b"\0") if member.eof else chunk, False
        while left or (is_full and not member.eof):
            if member.eof:
                member = zlib.decompressobj(_GZIP)
            try:
                content = member.decompress(left, CHUNK_BYTES)
            except zlib.error as error:
                raise refused(file, f"its gzip is damaged ({error})", "Fetch it again from its producer.") from error
            rest = member.unused_data.lstrip(b"\0")
            left, is_full = member.unconsumed_tail or rest, len(content) == CHUNK_BYTES
            if content:
                yield content
    if not member.eof:
        raise refused(file, "its gzip is cut off", "Fetch it again from its producer.")
