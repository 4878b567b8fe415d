"""Landing files: where they are, which dataset each is for, and how each is identified.

NDJSON (`.jsonl`, `.ndjson`, `.json`; gzipped with `.gz` appended) or Parquet (`.parquet`), here or under `s3://`.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from matinee.contracts.model import MANIFEST
from matinee.contracts.registry import Registry
from matinee.errors import LandingRefusedError, UsageError
from matinee.settings import Settings
from matinee.sources.found import Found
from matinee.table.catalog import catalog_properties
from matinee.validity.manifests import MANIFESTS

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

_TEXT = re.compile(r"\.(jsonl|ndjson|json)(\.gz)?$")
#: A part of a path that is no pattern: `[*]` is an asterisk.
_PLAIN = re.compile(r"([^*?[]|\[[*?[]\])*")
CHUNK_BYTES = 1 << 20
#: A file can be written again within one tick of its clock: a file younger than this is read again the next time.
_YOUNG_S = 2.0


class Kind(StrEnum):
    """How a landing file holds its rows."""

    TEXT = "NDJSON"
    GZIPPED = "gzipped NDJSON"
    PARQUET = "Parquet"


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


def landable(registry: Registry) -> dict[str, str]:
    """Return the datasets that files are landed for, by the word that their files' names start with."""
    return {contract.name: contract.dataset for contract in registry.all() if contract.files} | {MANIFEST: MANIFESTS}


def in_order(named: Mapping[str, str], files: list[Found]) -> list[Found]:
    """Return the files that were found at some paths, each once, in the order of `named`, then as they were found."""
    order = list(named.values())
    # A file that several paths lead to is returned once; if one of the paths names it, it counts as named.
    unique = {(file.file, file.dataset): file for file in sorted(files, key=lambda file: file.is_named)}
    places = {(file.file, file.dataset): place for place, file in reversed([*enumerate(files)])}
    return sorted(unique.values(), key=lambda file: (order.index(file.dataset), places[file.file, file.dataset]))


def find_at(settings: Settings, named: Mapping[str, str], dataset: str | None, path: str) -> list[Found]:
    """Return the files of a path, a directory or a glob, by name.

    A file whose name starts with a word of `named` (word -> dataset) is that dataset's. With a dataset given, single
    files and globs are taken as they are; of a directory, the files that start with the dataset's word, or if none
    does, the files that start with no word. Hidden files (`.` or `_` first) are skipped.

    Raises:
        UsageError: no file is there, or the dataset of a file that was named cannot be told from its name.
        LandingRefusedError: the path cannot be listed.
    """
    files, is_named = filesystem(settings, path), False
    try:
        if files.isdir(path):
            names = sorted(filter(_is_visible, files.ls(path, detail=False)))
            chosen = _of_directory(named, dataset, names, {name for name in names if files.isdir(name)})
        else:
            is_named = bool(files.exists(path))
            names = [path] if is_named else sorted(filter(_is_visible, files.glob(path)))
            chosen = [(name, dataset or owner_of(named, name)) for name in names]
    except OSError as error:
        raise unlisted(path, error) from error
    if not chosen:
        raise UsageError(
            f"There is no file to land at {path}{f' for {dataset}' if dataset else ''}.",
            next_step="Name a file, a directory or a quoted glob; file names start with " + ", ".join(named) + ".",
            facts={"path": path},
        )
    addresses = ((str(files.unstrip_protocol(name)).removeprefix("file://"), owner) for name, owner in chosen)
    return [Found(name, _known(owner, name), is_named, seen(files, name)) for name, owner in addresses]


def has_files(settings: Settings, pattern: str) -> bool:
    """Whether a path or glob leads to anything.

    Raises:
        LandingRefusedError: its folder before any wildcard (of an object store: the bucket) is not there or listable.
    """
    files, parts = filesystem(settings, pattern), pattern.split("/")
    folder = "/".join(takewhile(_PLAIN.fullmatch, parts[:-1]) if is_local(pattern) else parts[:3]) or "."
    try:
        if files.exists(pattern) or files.glob(pattern):
            return True
        is_there = bool(files.glob(folder)) or files.exists(folder)
    except OSError as error:
        raise unlisted(pattern, error) from error
    if not is_there:
        raise refused(folder, "it is not there", "Make it, or set MATINEE_LANDING_DIR to where producers put files.")
    return False


def unlisted(path: str, error: OSError) -> LandingRefusedError:
    """Return the error that a path cannot be listed."""
    return refused(path, f"it cannot be listed ({error.strerror or error})", "Check its rights and its disk.")


def seen(files: "AbstractFileSystem", name: str) -> str:
    """Return the identity of a file as it is found; empty where it cannot be told."""
    try:
        return identity(files, name)
    except OSError:  # The read that follows reports the error.
        return ""


def _of_directory(
    named: Mapping[str, str], dataset: str | None, names: list[str], folders: set[str]
) -> list[tuple[str, str | None]]:
    owned = [(name, owner_of(named, name)) for name in names]
    own = [pair for pair in owned if pair[1] is not None and pair[1] == (dataset or pair[1])]
    # A folder that bears a word of a dataset is refused when it is scanned: files in it would be missed in silence.
    if dataset is None or any(name not in folders for name, _ in own):
        return own
    return own + [(name, dataset) for name, owner in owned if owner is None and name not in folders]


def owner_of(named: Mapping[str, str], name: str) -> str | None:
    """Return the dataset of `named` whose word a file's name starts with."""
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
    # Spark skips such files, too: they are markers, or still being written.
    return not Path(name).name.startswith((".", "_"))


def of_lines(lines: Found) -> LandingFile:
    """Return the lines of another source as a file that was read."""
    content = lines.content or b""
    sha256 = hashlib.sha256(content).hexdigest()
    return LandingFile(lines.file, Kind.TEXT, len(content), sha256, lines.identity, content)


def scan(settings: Settings, file: str) -> LandingFile:
    """Read a file once from end to end.

    Raises:
        LandingRefusedError: it is of an unknown kind, or of another kind than its name says, or cannot be read.
    """
    files, size, digest, head = filesystem(settings, file), 0, hashlib.sha256(), b""
    try:
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
    except OSError as error:
        raise unreadable(file, error) from error
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
    """Refuse folders, and pipes and devices: they may have no end, and would keep others from landing for ever."""
    mode = Path(file).stat().st_mode
    if stat.S_ISDIR(mode):
        raise refused(file, "it is a folder", "Name the folder with --from, or move its files up.")
    if not stat.S_ISREG(mode):
        raise refused(file, "it is no regular file", "Write what it gives to a file.")


def unreadable(file: str, error: OSError) -> LandingRefusedError:
    """Return the error that refuses a file that cannot be read."""
    if isinstance(error, FileNotFoundError) and is_local(file) and Path(file).is_symlink():
        return refused(file, "it is a link to a file that is not there", "Remove the link, or bring the file back.")
    return refused(file, f"it cannot be read ({error.strerror or error})", "Check its rights and its disk.")


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
