"""Landing files: of which kind each is, how each is identified, and which cannot be read.

NDJSON (`.jsonl`, `.ndjson`, `.json`; gzipped with `.gz` appended) or Parquet (`.parquet`), here or under `s3://`.
"""

import hashlib
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from matinee.errors import LandingRefusedError, LandingUnreachableError, MatineeError
from matinee.foreign import of_drivers
from matinee.settings import Settings
from matinee.sources.found import Found
from matinee.table.catalog import catalog_properties

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

_TEXT = re.compile(r"\.(jsonl|ndjson|json)(\.gz)?$")
CHUNK_BYTES = 1 << 20
#: A file can be written again within one tick of its clock: a file younger than this is read again the next time.
_YOUNG_S = 2.0


class Kind(StrEnum):
    """How a landing file holds its rows."""

    TEXT = "NDJSON"
    GZIPPED = "gzipped NDJSON"
    PARQUET = "Parquet"


#: Folders whose files the kernel makes up: some have no end, some are waited for.
_OF_KERNEL = {"/proc", "/sys"}
#: What files of a kind begin with.
_BEGINS = {Kind.GZIPPED: b"\x1f\x8b", Kind.PARQUET: b"PAR1"}


@dataclass(frozen=True)
class LandingFile:
    """A file that was read once from end to end.

    Attributes:
        file: its absolute path, or its URI where it is not on this machine.
        size: bytes.
        sha256: of its bytes as they are, in hexadecimal.
        identity: see `Found`; empty if the file is too young to be known by it.
        content: see `Found`.
    """

    file: str
    kind: Kind
    size: int
    sha256: str
    identity: str
    content: bytes | None = None


def of_lines(lines: Found) -> LandingFile:
    """Return the lines of another source as a file that was read."""
    content = lines.content or b""
    sha256 = hashlib.sha256(content).hexdigest()
    return LandingFile(lines.file, Kind.TEXT, len(content), sha256, lines.identity, content)


def scan(settings: Settings, file: str) -> LandingFile:
    """Read a file once from end to end.

    Raises:
        LandingRefusedError: it is of an unknown kind, or of another kind than its name says, or cannot be read.
        LandingUnreachableError: its storage does not answer now.
    """
    files, size, digest, head = filesystem(settings, file), 0, hashlib.sha256(), b""
    with reaching(file, unreadable):
        if is_local(file):
            _refuse_other_than_file(file)
        kind = _kind(file)
        with files.open(file, "rb") as stream:
            before = identity(files, file, stream)
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                head, size = head or chunk, size + len(chunk)
            is_known = before == identity(files, file, stream)
        is_young = is_local(file) and time.time() - Path(file).stat().st_ctime < _YOUNG_S
    _refuse_other_kind(file, kind, head)
    return LandingFile(file, kind, size, digest.hexdigest(), before if is_known and not is_young else "")


def identity(files: "AbstractFileSystem", file: str, stream: IO[bytes] | None = None) -> str:
    """Return a text that changes whenever a file is written or replaced, also by the same bytes.

    With a stream, the text is that of the open file on this machine: the path may lead elsewhere for a while, if a
    folder above it is renamed or a link is set to another folder.

    Raises:
        OSError: the file is gone, or cannot be inspected.
    """
    if is_local(file):
        stats = os.fstat(stream.fileno()) if stream else Path(file).stat()
        return f"{stats.st_size} {stats.st_mtime_ns} {stats.st_ctime_ns} {stats.st_ino}"
    files.invalidate_cache()
    return str(files.ukey(file))


def is_local(file: str) -> bool:
    """Whether a path or URI is of this machine."""
    return file.partition("://")[0] == "file" or "://" not in file


def _refuse_other_than_file(file: str) -> None:
    """Refuse folders, and pipes, devices and files of the kernel: to read them may never end."""
    mode = Path(file).stat().st_mode
    if stat.S_ISDIR(mode):
        raise refused(file, "it is a folder", "Name the folder with --from, or move its files up.")
    if not stat.S_ISREG(mode) or not {*map(str, Path(file).resolve().parents)}.isdisjoint(_OF_KERNEL):
        raise refused(file, "it is no regular file", "Write what it gives to a file.")


@contextmanager
def reaching(path: str, refuse: Callable[[str, Exception], LandingRefusedError]) -> Iterator[None]:
    """Raise an error of landing for what the storage of a path raises in a block: `refuse`, where no retry helps."""
    try:
        yield
    except Exception as error:
        told = of_drivers(error)
        if told is None:
            raise
        if told.retryable and not is_local(path) and not isinstance(error, FileNotFoundError):
            raise unreachable(path, told) from error
        raise refuse(path, error) from error


def unreachable(path: str, told: MatineeError) -> LandingUnreachableError:
    """Return the error that a path cannot be reached now."""
    return LandingUnreachableError(
        f"{path} cannot be reached now: {told.message}",
        next_step="Land again: nothing of it was landed, and nothing is landed twice.",
        facts={"file": path, **told.facts},
    )


def unreadable(file: str, error: Exception) -> LandingRefusedError:
    """Return the error that refuses a file that cannot be read."""
    if isinstance(error, FileNotFoundError) and is_local(file) and Path(file).is_symlink():
        return refused(file, "it is a link to a file that is not there", "Remove the link, or bring the file back.")
    return refused(file, f"it cannot be read ({cause_of(error)})", "Check its rights and its disk.")


def cause_of(error: Exception) -> str:
    """Return what an error of the system or of a driver says."""
    return str(getattr(error, "strerror", None) or error)


def _refuse_other_kind(file: str, kind: Kind, head: bytes) -> None:
    """Refuse a file whose first bytes are not of its kind: its content would count as landed under every name."""
    if kind is not Kind.TEXT:
        if not head:
            raise refused(file, f"it is empty, which {kind} never is", "Fetch it again from its producer.")
        return
    for other, begin in _BEGINS.items():
        if head.startswith(begin):
            raise refused(file, f"it holds {other}, which its name does not say", "Name it .jsonl.gz or .parquet.")


def _kind(file: str) -> Kind:
    if shown(file) != file:
        if (encoding := sys.getfilesystemencoding()) != "utf-8":
            raise refused(file, f"this process reads names as {encoding}", "Use a UTF-8 locale (`LC_ALL=C.UTF-8`).")
        raise refused(file, "its name is not UTF-8", "Rename it.")
    if file.endswith(".parquet"):
        return Kind.PARQUET
    ending = _TEXT.search(file)
    if ending is None:
        raise refused(file, "its name does not say what it holds", "Name it .jsonl, .jsonl.gz or .parquet.")
    return Kind.GZIPPED if ending[2] else Kind.TEXT


def refused(file: str, why: str, next_step: str) -> LandingRefusedError:
    """Return the error that refuses a file whole."""
    return LandingRefusedError(
        f"{shown(file)} is refused whole: {why}.",
        next_step=f"{next_step} Nothing of it was landed.",
        facts={"file": shown(file)},
    )


def shown(file: str) -> str:
    """Return a file's name as text: of a name that is not UTF-8 the other bytes as `\\xff`."""
    return file.encode(errors="surrogateescape").decode(errors="backslashreplace")


def filesystem(settings: Settings, path: str) -> "AbstractFileSystem":
    """Return the file system of a path or URI."""
    if is_local(path):
        from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

        return LocalFileSystem(auto_mkdir=True)
    from pyiceberg.io.fsspec import FsspecFileIO

    # The lake's own properties: landing files are reached with the endpoint and region that its tables have.
    properties: Mapping[str, Any] = catalog_properties(settings)
    try:
        return FsspecFileIO(dict(properties)).get_fs(path.partition("://")[0])
    except ValueError as error:
        raise refused(path, f"it cannot be reached ({error})", "Give a path, or a URI under s3://.") from error
