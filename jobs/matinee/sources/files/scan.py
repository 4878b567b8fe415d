"""Landing files before any row of them is read: where they are, whose they are, and whether they are whole.

NDJSON (`.jsonl`, `.ndjson`, `.json`), the same gzipped (`.gz` more), and Parquet (`.parquet`); on this machine or
under `s3://`.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from matinee.errors import LandingRefusedError, UsageError
from matinee.settings import Settings
from matinee.table.catalog import catalog_properties

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

_TEXT = re.compile(r"\.(jsonl|ndjson|json)(\.gz)?$")
_CHUNK_BYTES = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


class Kind(StrEnum):
    """How a landing file holds its rows."""

    TEXT = "NDJSON"
    GZIPPED = "gzipped NDJSON"
    PARQUET = "Parquet"


@dataclass(frozen=True)
class Found:
    """A file to land: its path or URI, and the dataset it is for."""

    file: str
    dataset: str


@dataclass(frozen=True)
class LandingFile:
    """A file that was read once from end to end and is whole.

    Attributes:
        file: its absolute path, or its URI where it is not on this machine.
        uri: the same as a URI, for Spark.
        sha256: of its bytes as they are, in hexadecimal.
        rows: lines of a text file, the last one also where it does not end; rows of a Parquet file.
        ends_open: the last line has no end: the producer may have been cut off within it.
        nanosecond_columns: Parquet columns that count nanoseconds, which Spark has no type for.
        identity: changes whenever the file is written or replaced, also by the same bytes; none: not known.
    """

    file: str
    uri: str
    kind: Kind
    sha256: str
    rows: int
    ends_open: bool = False
    nanosecond_columns: frozenset[str] = frozenset()
    identity: str | None = None


def find(settings: Settings, named: Mapping[str, str], dataset: str | None, paths: Iterable[str | Path]) -> list[Found]:
    """Return the files of paths, directories and globs, in the order of `named`, then of the paths, then by name.

    A file whose name starts with a word of `named` (word -> dataset) is that dataset's. With a dataset given, single
    files and globs are taken as they are; of a directory the files that bear its word, or where none does, those that
    bear no other's. Hidden files (`.` or `_` first) are left alone.

    Raises:
        UsageError: no file is there, or the dataset of a file that was named cannot be told from its name.
    """
    found = [one for path in paths for one in _files_of(settings, named, dataset, str(path))]
    order = list(named.values())
    return sorted(dict.fromkeys(found), key=lambda one: order.index(one.dataset))


def _files_of(settings: Settings, named: Mapping[str, str], dataset: str | None, path: str) -> list[Found]:
    files = _filesystem(settings, path)
    if files.isdir(path):
        names = sorted(name for name in files.ls(path, detail=False) if _is_visible(name) and not files.isdir(name))
        chosen = _of_directory(named, dataset, names)
    else:
        names = [path] if files.exists(path) else sorted(filter(_is_visible, files.glob(path)))
        chosen = [(name, dataset or _owner(named, name)) for name in names]
    if not chosen:
        raise UsageError(
            f"There is no file to land at {path}{f' for {dataset}' if dataset else ''}.",
            next_step="Name a file, a directory or a quoted glob; file names start with " + ", ".join(named) + ".",
            facts={"path": path},
        )
    return [Found(_address(files, name), _known(owner, name)) for name, owner in chosen]


def _of_directory(named: Mapping[str, str], dataset: str | None, names: list[str]) -> list[tuple[str, str | None]]:
    owned = [(name, _owner(named, name)) for name in names]
    if dataset is None:
        return [one for one in owned if one[1] is not None]
    own = [one for one in owned if one[1] == dataset]
    return own or [(name, dataset) for name, owner in owned if owner is None]


def _owner(named: Mapping[str, str], name: str) -> str | None:
    return next((dataset for word, dataset in named.items() if Path(name).name.startswith(word)), None)


def _known(owner: str | None, name: str) -> str:
    if owner is None:
        raise UsageError(
            f"{name} does not say which dataset it is for.",
            next_step="Name the dataset: `matinee ingest DATASET --from …`.",
            facts={"file": name},
        )
    return owner


def _is_visible(name: str) -> bool:
    # Spark leaves such files alone as well: they are markers, or still being written.
    return not Path(name).name.startswith((".", "_"))


def scan(settings: Settings, file: str) -> LandingFile:
    """Read a file once from end to end: its SHA-256, its rows, and whether it is whole.

    Raises:
        LandingRefusedError: it is of an unknown kind, a truncated or damaged gzip, or no readable Parquet.
    """
    kind = _kind(file)
    files = _filesystem(settings, file)
    uri = str(files.unstrip_protocol(file))
    identity = _identity(files, file)
    if kind is Kind.PARQUET:
        with files.open(file, "rb") as stream:
            sha256 = _sha256(stream)
            rows, nanoseconds = _parquet(file, stream)
        return LandingFile(file, uri, kind, sha256, rows, nanosecond_columns=nanoseconds, identity=identity)
    digest, rows, last = hashlib.sha256(), 0, b"\n"
    with files.open(file, "rb") as stream:
        chunks = _hashed(stream, digest)
        for chunk in _unzipped(file, chunks) if kind is Kind.GZIPPED else chunks:
            rows, last = rows + chunk.count(b"\n"), chunk[-1:] or last
    ends_open = last != b"\n"
    return LandingFile(file, uri, kind, digest.hexdigest(), rows + ends_open, ends_open, identity=identity)


def refuse_changed(settings: Settings, landing_file: LandingFile) -> None:
    """Check that a file is still the one that was scanned: what was read of it since is then what was hashed.

    Raises:
        LandingRefusedError: it was written, replaced or removed meanwhile.
    """
    file, files = landing_file.file, _filesystem(settings, landing_file.file)
    try:
        same = _identity(files, file) == landing_file.identity
        with files.open(file, "rb") as stream:
            same = same and _sha256(stream) == landing_file.sha256
        # A file that was replaced and brought back holds the same bytes, and others were read.
        same = same and _identity(files, file) == landing_file.identity
    except OSError:  # It is gone, or goes while it is read.
        same = False
    if not same:
        raise _changed(landing_file)


def _identity(files: "AbstractFileSystem", file: str) -> str:
    files.invalidate_cache()
    return str(files.ukey(file))


def _changed(landing_file: LandingFile) -> LandingRefusedError:
    return LandingRefusedError(
        f"{landing_file.file} is refused: it was changed while it was landed.",
        next_step="Land it again when nobody writes to it; other content belongs into a file of another name.",
        facts={"file": landing_file.file, "sha256": landing_file.sha256},
    )


def read_lines(settings: Settings, landing_file: LandingFile) -> list[bytes]:
    """Return the lines of a small text file, without their ends.

    Raises:
        LandingRefusedError: it does not hold the bytes that were scanned any more.
    """
    with _filesystem(settings, landing_file.file).open(landing_file.file, "rb") as stream:
        content: bytes = stream.read()
    if hashlib.sha256(content).hexdigest() != landing_file.sha256:
        raise _changed(landing_file)
    if landing_file.kind is Kind.GZIPPED:
        content = b"".join(_unzipped(landing_file.file, iter([content])))
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _kind(file: str) -> Kind:
    if file.endswith(".parquet"):
        return Kind.PARQUET
    found = _TEXT.search(file)
    if found is None:
        raise _refused(file, "its name does not say what it holds", "Name it .jsonl, .jsonl.gz or .parquet.")
    return Kind.GZIPPED if found[2] else Kind.TEXT


def _hashed(stream: IO[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
        yield chunk


def _sha256(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for _ in _hashed(stream, digest):
        pass
    stream.seek(0)
    return digest.hexdigest()


def _unzipped(file: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of a gzip of one or several members, each checked against its own checksum."""
    member, is_whole = zlib.decompressobj(_GZIP), False
    for chunk in chunks:
        left = chunk
        while left:
            if is_whole:
                member, is_whole = zlib.decompressobj(_GZIP), False
            try:
                content = member.decompress(left)
            except zlib.error as error:
                raise _refused(file, f"its gzip is damaged ({error})", "Fetch it again from its producer.") from error
            left, is_whole = member.unused_data, member.eof
            if content:
                yield content
    if not is_whole:
        raise _refused(file, "its gzip is cut off", "Fetch it again from its producer.")


def _parquet(file: str, stream: IO[bytes]) -> tuple[int, frozenset[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(stream)
        # Spark reads it later: damage within the pages has to show now, while the file can be refused whole.
        rows = sum(batch.num_rows for batch in opened.iter_batches())
        # INT96, the older way to store times, shows as nanoseconds here too; Spark reads it as a time.
        old = {column.path for column in opened.schema if column.physical_type == "INT96"}
        nanoseconds = {field.name for field in opened.schema_arrow if getattr(field.type, "unit", None) == "ns"} - old
    except (pa.ArrowException, OSError) as error:
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise _refused(file, f"its Parquet is not readable ({cause[0]})", "Write it again.") from error
    return rows, frozenset(nanoseconds)


def _refused(file: str, why: str, next_step: str) -> LandingRefusedError:
    return LandingRefusedError(
        f"{file} is refused whole: {why}.", next_step=f"{next_step} Nothing of it was landed.", facts={"file": file}
    )


def _filesystem(settings: Settings, path: str) -> "AbstractFileSystem":
    from pyiceberg.io.fsspec import FsspecFileIO

    scheme = path.partition("://")[0] if "://" in path else "file"
    # The lake's own properties: landing files are reached with the endpoint and region that its tables have.
    properties: Mapping[str, Any] = catalog_properties(settings)
    return FsspecFileIO(dict(properties)).get_fs(scheme)


def _address(files: "AbstractFileSystem", name: str) -> str:
    uri = str(files.unstrip_protocol(name))
    return uri.removeprefix("file://")
