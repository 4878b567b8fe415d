"""The store `rocksdb`: sorted files in the warehouse, one a shard; a reader ingests them into a database of its own.

The shards are ranges of keys, so the files of a version do not overlap: RocksDB takes them as they are.
"""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matinee.disks import refused_by_disk
from matinee.errors import EnvironmentNotReadyError, UnreadableError
from matinee.private import private_folder
from matinee.serving.entries import Counted
from matinee.serving.files import Files
from matinee.serving.model import Manifest, Shard, from_json, to_json
from matinee.serving.stores.protocol import Entry

if TYPE_CHECKING:
    from rocksdict import Cache, Options, Rdict

#: What names of shards begin with; how their files end, and their descriptions; the name before the content is known.
_NAME, _FILE, _DESCRIBED, _WAITING = "shard-", ".sst", ".json", "waiting.sst"
#: Bytes of blocks that a reader keeps in memory, whatever the version's size; open files of a reader at the most.
CACHE_BYTES, OPEN_FILES = 256 << 20, 512
_BLOOM_BITS = 10.0
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RocksDb:
    """Files `<version>/shard-<number>-<sha256>.sst`, each described by `<version>/shard-<number>.json`."""

    files: Files

    def write(self, version: str, number: int, entries: Iterable[Entry]) -> Shard:
        counted = Counted(entries)
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / _WAITING
            _write(local, counted)
            shard = _placed(self.files, version, counted.shard(number), local)
        self.files.write(_description(version, number), to_json(shard))
        return shard

    def has(self, manifest: Manifest) -> bool:
        return {f"{manifest.version}/{shard.file}" for shard in manifest.shards} <= {*self._names(manifest.version)}

    def open(self, manifest: Manifest, folder: Path) -> "RocksDatabase":
        incoming = private_folder(folder / "incoming")
        return _ingested([self._fetched(manifest.version, shard, incoming) for shard in manifest.shards], folder / "db")

    def forget(self, manifest: Manifest, prefix: bytes, folder: Path) -> Manifest:
        shards = []
        for shard in manifest.shards:
            first, last = (bytes.fromhex(key)[: len(prefix)] for key in (shard.first, shard.last))
            if first <= prefix <= last:
                kept = self._without(manifest.version, shard, prefix, private_folder(folder / str(shard.number)))
                shards += [kept] if kept.keys else []
            else:
                shards.append(shard)
        return replace(manifest, shards=tuple(shards))

    def tidy(self, manifest: Manifest) -> None:
        named = {shard.file for shard in manifest.shards}
        for name in self._names(manifest.version):
            if name.endswith(_FILE) and name.partition("/")[2] not in named:
                self.files.delete(name)

    def delete(self, version: str) -> None:
        for name in self._names(version):
            self.files.delete(name)

    def written(self, version: str, number: int) -> Shard | None:
        """Return the description of a shard that a task has written; None where it was not written whole."""
        name = _description(version, number)
        content = self.files.read(name)
        return from_json(Shard, content[0], name) if content else None

    def _fetched(self, version: str, shard: Shard, folder: Path) -> Path:
        local = folder / shard.file
        self.files.download(f"{version}/{shard.file}", local)
        if _sha256(local) != shard.sha256:
            raise UnreadableError(
                f"{version}/{shard.file} is damaged: its checksum is not that of the manifest.",
                next_step="`matinee kv rollback` serves an earlier version; build this version again.",
                facts={"version": version, "file": shard.file},
            )
        return local

    def _without(self, version: str, shard: Shard, prefix: bytes, folder: Path) -> Shard:
        database = _ingested([self._fetched(version, shard, folder)], folder / "db")
        try:
            counted = Counted(entry for entry in database.scan(b"", None) if not entry.key.startswith(prefix))
            local = folder / _WAITING
            _write(local, counted)
        finally:
            database.close()
        kept = counted.shard(shard.number)
        return _placed(self.files, version, kept, local) if kept.keys else kept

    def _names(self, version: str) -> list[str]:
        return [name for name in self.files.names(f"{version}/") if name.partition("/")[2].startswith(_NAME)]


@dataclass(frozen=True)
class RocksDatabase:
    """A version in a database of its own, which nobody writes to."""

    database: "Rdict"

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return list(self.database.get(list(keys)) or ())

    def scan(self, start: bytes, end: bytes | None) -> Iterator[Entry]:
        bounds = library().ReadOptions()
        if end is not None:
            bounds.set_iterate_upper_bound(end)
        place = self.database.iter(bounds)
        place.seek(start)
        while place.valid():
            yield Entry(place.key(), place.value())
            place.next()
        place.status()

    def close(self) -> None:
        self.database.close()


def _description(version: str, number: int) -> str:
    return f"{version}/shard-{number:04d}{_DESCRIBED}"


def _write(local: Path, entries: Iterable[Entry]) -> None:
    """Write entries to a new file; of no entries there is no file."""
    rocksdict, writer = library(), None
    for key, value in entries:
        if writer is None:
            writer = rocksdict.SstFileWriter(options=_options())
            writer.open(str(local))
        writer[key] = value
    if writer is not None:
        with translating(str(local)):
            writer.finish()


def _placed(files: Files, version: str, shard: Shard, local: Path) -> Shard:
    """Put the file of a shard in place; its name holds its checksum, so two tries of a task do not meet."""
    sha256 = _sha256(local)
    name = f"{_NAME}{shard.number:04d}-{sha256[:16]}{_FILE}"
    files.upload(local, f"{version}/{name}")
    return replace(shard, file=name, bytes=local.stat().st_size, sha256=sha256)


def _ingested(paths: Sequence[Path], folder: Path) -> RocksDatabase:
    """Return a new database that has taken files over."""
    rocksdict = library()
    how = rocksdict.IngestExternalFileOptions()
    how.set_move_files(True)
    how.set_allow_global_seqno(False)  # RocksDB would number files that overlap: such files are refused.
    with translating(str(folder)):
        database = rocksdict.Rdict(str(folder), _options())
        if paths:
            database.ingest_external_file([str(path) for path in paths], how)
    return RocksDatabase(database)


def _options() -> "Options":
    """Return the options of writers and readers: both have to agree on the form of keys and blocks."""
    rocksdict = library()
    blocks = rocksdict.BlockBasedOptions()
    blocks.set_bloom_filter(_BLOOM_BITS, block_based=False)
    blocks.set_block_cache(_cache())
    blocks.set_cache_index_and_filter_blocks(True)
    options: Options = rocksdict.Options(raw_mode=True)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(rocksdict.DBCompressionType.lz4())
    options.set_disable_auto_compactions(True)
    options.set_max_open_files(OPEN_FILES)
    return options


@cache
def _cache() -> "Cache":
    """Return the cache of this process: the versions that are open share it."""
    made: Cache = library().Cache(CACHE_BYTES)
    return made


@cache
def library() -> Any:  # noqa: ANN401 - a module
    """Return RocksDB's package; the extra `serving` brings it.

    Raises:
        EnvironmentNotReadyError: it is not installed.
    """
    try:
        import rocksdict
    except ImportError as error:
        raise EnvironmentNotReadyError(
            "The store rocksdb needs the package rocksdict.",
            next_step="Install Matinee with the extra `serving`.",
        ) from error
    return rocksdict


@contextmanager
def translating(at: str) -> Iterator[None]:
    """Turn errors of RocksDB, which are plain exceptions with a text, into Matinee's.

    Raises:
        CatalogUnavailableError: the disk is full.
        UnreadableError: a file is damaged, or is no file of RocksDB's.
    """
    try:
        yield
    except Exception as error:
        if type(error) is not Exception:
            raise
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), at)
        if "No space left" in str(error) and (ours := refused_by_disk(full, at)):
            raise ours from error
        raise UnreadableError(
            f"RocksDB refuses {at}: {error}.",
            next_step="Build the version again; `matinee kv rollback` serves an earlier version meanwhile.",
            facts={"path": at},
        ) from error


def _sha256(local: Path) -> str:
    with local.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
