"""Relocation: the tables of a lake that was copied or moved are brought below the configured warehouse.

Iceberg's metadata names every file by its whole path. Spark's `rewrite_table_path` refuses tables with paths of both
forms, `file:/…` (Hadoop) and `file:///…` (PyIceberg), which every lake on a disk has. So the paths are rewritten here:
the current metadata, and the manifest lists and manifests of all its snapshots, under new names; data files that are
not there yet are copied. Snapshots, branches and tags keep their ids. The original is only read.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matinee.engine.session import spark_session
from matinee.engine.tables.spark_procedures import row_hash
from matinee.engine.tables.spark_tables import pinned
from matinee.errors import ConservationError
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake, catalog_errors
from matinee.table.location import is_below, relative
from matinee.table.metadata.avro_paths import rewrite

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table
    from pyspark.sql import SparkSession

#: The suffix of a table's name until its rows are known to be those of the original.
RELOCATING = "_relocating"
_CHUNK = 8 * 2**20


@dataclass(frozen=True)
class Relocated:
    """A table that was relocated: its rows on `main`, their hash (as in the original), data files, copied files."""

    dataset: str
    location: str
    rows: int
    row_hash: str
    files: int
    copied: int


def relocate(settings: Settings) -> Iterator[Relocated]:
    """Relocate each table that does not lie below the warehouse; the others are left alone. It can be run again.

    Raises:
        ContractError: a contract cannot be used.
        CatalogUnavailableError: a file of the original cannot be read.
        ConservationError: a file lies outside its table or has another size, or the rows differ from the original; the
            table is left as it was.
    """
    # Of any format: it is copied as it is. A relocation that was killed may have left the lake without `ops.lake`.
    lake = Lake.open_any(settings)
    lake.registry.require_all("No table was relocated, as not all of them are known")
    with spark_session(settings) as spark, catalog_errors():
        for contract in lake.registry.all():
            dataset = contract.dataset
            if _ended_before(lake, dataset):
                continue
            table = lake.table(dataset)
            if not is_below(table.location(), settings.warehouse_uri, links=False):
                yield _relocated(spark, lake, dataset, table)


def _ended_before(lake: Lake, dataset: str) -> bool:
    """Whether there is no table to relocate; a relocation that was killed before the last rename is finished here."""
    waiting = lake.catalog.table_exists(f"{dataset}{RELOCATING}")
    if lake.exists(dataset):
        if waiting:
            lake.catalog.drop_table(f"{dataset}{RELOCATING}")
        return False
    if waiting:
        lake.catalog.rename_table(f"{dataset}{RELOCATING}", dataset)
    return True


def _relocated(spark: "SparkSession", lake: Lake, dataset: str, table: "Table") -> Relocated:
    target, waiting = lake.location(dataset), f"{dataset}{RELOCATING}"
    paths = _Paths(table.io, table.location(), target)
    head = refs.head(table)
    lake.catalog.register_table(waiting, paths.bring(json.loads(_read(table.io, table.metadata_location))))
    before, after = (row_hash(pinned(spark, lake.settings, name, head)) for name in (dataset, waiting))
    if before != after:
        lake.catalog.drop_table(waiting)
        raise ConservationError(
            f"{dataset} has {after[0]} rows at {target} and {before[0]} at {table.location()}, or other ones.",
            next_step="Nothing was changed. Copy the lake again while nobody is at work in it, then relocate it.",
            facts={"dataset": dataset, "rows_before": before[0], "rows_after": after[0]},
        )
    # The catalog's entry alone: no file goes.
    lake.catalog.drop_table(dataset)
    lake.catalog.rename_table(waiting, dataset)
    return Relocated(dataset, target, *after, files=len(paths.files), copied=paths.copied)


@dataclass
class _Paths:
    """The files that are brought from one location to another; `files` are the data files, by their new path."""

    io: "FileIO"
    source: str
    target: str
    files: dict[str, str] = field(default_factory=dict)
    copied: int = 0
    lengths: dict[str, int] = field(default_factory=dict)
    _manifests: dict[str, str] = field(default_factory=dict)
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def bring(self, metadata: Mapping[str, Any]) -> str:
        """Bring every file that the metadata names; return the path of the new metadata file."""
        lists = {entry["snapshot-id"]: self._list(entry["manifest-list"]) for entry in metadata["snapshots"]}
        for target, source in sorted(self.files.items()):
            self._copy(source, target)
        body = {
            **metadata,
            "location": self.target,
            "snapshots": [{**entry, "manifest-list": lists[entry["snapshot-id"]]} for entry in metadata["snapshots"]],
            # Older versions of the metadata, and statistics, are not brought: nothing reads them.
            "metadata-log": [],
            "statistics": [],
            "partition-statistics": [],
        }
        path = f"{self.target}/metadata/00000-{uuid.uuid4()}.metadata.json"
        return self._write(path, json.dumps(body).encode())

    def _list(self, source: str) -> str:
        content = _read(self.io, source)
        manifests: list[str] = []
        rewrite(content, lambda path: manifests.append(path) or path, {})  # type: ignore[func-returns-value]
        for path in manifests:
            if path not in self._manifests:
                self._manifests[path] = self._renamed(path)
                written = self._write(self._manifests[path], rewrite(_read(self.io, path), self._data, {}))
                self.lengths[written] = len(self.io.new_input(written))
        return self._write(self._renamed(source), rewrite(content, self._manifests.__getitem__, self.lengths))

    def _data(self, path: str) -> str:
        new = f"{self.target}/{relative(path, self.source)}"
        self.files[new] = path
        return new

    def _renamed(self, path: str) -> str:
        # A file of the old name in a copied folder is left alone, and is later removed as an orphan.
        return f"{self.target}/metadata/{self._mark}-{path.rsplit('/', 1)[1]}"

    def _write(self, path: str, content: bytes) -> str:
        with self.io.new_output(path).create() as stream:
            stream.write(content)
        return path

    def _copy(self, source: str, target: str) -> None:
        there, here = self.io.new_input(source), self.io.new_input(target)
        if not here.exists():
            with there.open() as read, self.io.new_output(target).create() as written:
                while chunk := read.read(_CHUNK):
                    written.write(chunk)
            self.copied += 1
        elif len(here) != len(there):
            raise ConservationError(
                f"{target} has {len(here)} bytes, the original {len(there)}.",
                next_step="Remove it: it is copied from the original then.",
                facts={"file": target, "original": source},
            )


def _read(io: "FileIO", path: str) -> bytes:
    with io.new_input(path).open() as stream:
        return stream.read()
