"""The latest rows of the ledger: of one dataset, for each (publication, day) the row that stands.

They are kept in a side file, which is never the truth. It notes of which data file of the ledger each row is: a reader
adds the rows of files that have come since, and drops those of files that are gone (the ledger was gathered, set back,
relocated or restored). Data files never change, so equal files hold equal rows, whatever has become of the snapshots.
Where the side file is not of this ledger and form, all files are read.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from matinee.ledger.model import Publication, State
from matinee.ledger.notes import NOTED, TOLD, Note, Read, told
from matinee.ledger.rows import from_row
from matinee.table import refs, side_files
from matinee.table.catalog import Lake, catalog_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import DataScan, FileScanTask, Table

LEDGER = "ops.publications"
_FORM = 2
_MARKS = b"matinee.marks"
#: Columns of the side file alone: the ledger's data file that a row is of, and whether it is the one that stands.
_FILE, _STANDS = "file", "stands"
_PINNED = "pinned"
_OWN = {*TOLD, _FILE, _STANDS}
_KEY = ("publication_id", "day")
#: Rows that are unpacked together: nearly all of a row are its verdicts, and hardly anybody asks for them.
_TOGETHER = 64
#: An attempt may be abandoned and prepared again, so those two order by time; what reached `main` stays reached.
_RANK = {State.PREPARED: 0, State.ABANDONED: 0, State.PUBLISHED: 1, State.WITHDRAWN: 2}


@dataclass(frozen=True)
class Latest:
    """Rows of the ledger, packed; `Latest.publication` reads one row.

    Attributes:
        columns: of the rows that stand, what notes are made of, and what was pinned.
        packed: the Arrow file of all rows and columns; None where there is no row.
        places: where in that each row is.
    """

    columns: "pa.Table | None" = None
    packed: bytes | None = None
    places: Sequence[int] = ()
    _unpacked: dict[int, "pa.RecordBatch"] = field(default_factory=dict)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What columns tell of each row, in the rows' order."""
        if self.columns is None:
            return ()
        import pyarrow as pa

        found = dict(zip(NOTED, self.columns.select(NOTED).columns, strict=True))
        plain = {name: column.to_pylist() for name, column in found.items() if name != "recorded_ts"}
        plain["recorded_ts"] = found["recorded_ts"].cast(pa.int64()).to_pylist()
        plain["state"] = [State(one) for one in plain["state"]]
        for name in ("generation", "rows_in", "rows_out", "rows_duplicate"):
            plain[name] = [one or 0 for one in plain[name]]
        return tuple(map(Note._make, zip(*(plain[name] for name in NOTED), strict=True)))

    @cached_property
    def pinned(self) -> Sequence[tuple[int, Read]]:
        """The input days that were read as valid, each with the position of the row that read it."""
        if self.columns is None:
            return ()
        import pyarrow.compute as pc

        lists = self.columns[_PINNED].combine_chunks()
        reads = map(Read._make, zip(*(part.to_pylist() for part in lists.flatten().flatten()), strict=True))
        return tuple(zip(pc.list_parent_indices(lists).to_pylist(), reads, strict=True))

    def publication(self, position: int) -> Publication:
        """Return what a row says, with its run and its verdicts."""
        number, offset = divmod(self.places[position], _TOGETHER)
        if number not in self._unpacked:
            self._unpacked.clear()  # One is enough for who reads in order; all of them would be the whole ledger.
            with _open(self.packed or b"", lambda name: name not in _OWN) as file:
                self._unpacked[number] = file.get_batch(number)
        [row] = self._unpacked[number].slice(offset, 1).to_pylist()
        return from_row(row)


@dataclass(frozen=True, eq=False)
class Recorded(Mapping[tuple[str, date], Publication]):
    """The rows that stand, as written, by (publication id, day); each is read when it is asked for."""

    rows: Latest

    @cached_property
    def notes(self) -> Mapping[tuple[str, date], Note]:
        """What columns tell of each."""
        return {(note.publication_id, note.day): note for note in self.rows.notes}

    @cached_property
    def _positions(self) -> Mapping[tuple[str, date], int]:
        return {key: position for position, key in enumerate(self.notes)}

    def __getitem__(self, key: tuple[str, date]) -> Publication:
        return self.rows.publication(self._positions[key])

    def __iter__(self) -> Iterator[tuple[str, date]]:
        return iter(self.notes)

    def __len__(self) -> int:
        return len(self.notes)


def latest(lake: Lake, dataset: str) -> Latest:
    """Return the rows of a dataset that stand in the ledger now.

    Raises:
        CatalogUnavailableError: the catalog or its storage does not answer.
    """
    if not lake.exists(LEDGER):
        return Latest()
    table = lake.table(LEDGER)
    name, key = f"publications/{dataset}.arrow", (str(table.metadata.table_uuid), dataset)
    kept, marks = _seen.get(key) or _unpack(side_files.read(lake, name))
    if (marks.uuid, marks.columns) != (key[0], tuple(table.schema().column_names)):
        kept, marks = _NOTHING
    if marks.snapshot_id is not None and marks.snapshot_id == refs.reference(table, refs.MAIN):
        return kept
    scan = table.scan(row_filter=f"dataset = '{dataset}'")
    with catalog_errors():
        files = {task.file.file_path: task for task in scan.plan_files()}
    # A row that is deleted stays in a file that does not change.
    simple = not any(task.delete_files for task in files.values())
    if not simple or marks.files != files.keys():
        known = kept if simple else Latest()
        packed = _pack(
            _joined(known, _rows(scan, files, marks.files if simple else ()), files), _Marks.of(table, files)
        )
        if simple:
            side_files.write(lake, name, packed)
        kept, _ = _unpack(packed)
    if simple:
        _seen[key] = kept, _Marks.of(table, files)
    return kept


@dataclass(frozen=True)
class _Marks:
    """What a side file was made from: the ledger's files, all of those that it had at a snapshot."""

    uuid: str = ""
    snapshot_id: int | None = None
    files: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: "Table", files: Mapping[str, "FileScanTask"]) -> "_Marks":
        head = refs.reference(table, refs.MAIN)
        return cls(str(table.metadata.table_uuid), head, frozenset(files), tuple(table.schema().column_names))

    def to_json(self) -> bytes:
        return json.dumps({"form": _FORM, **vars(self), "files": sorted(self.files)}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "_Marks":
        found = json.loads(content)
        if found["form"] != _FORM:
            raise ValueError(f"form {found['form']} is not known")
        return cls(found["uuid"], found["snapshot_id"], frozenset(found["files"]), tuple(found["columns"]))


_NOTHING = Latest(), _Marks()
#: What this process has read last, by the ledger's identity and the dataset: a step asks a dozen times.
_seen: dict[tuple[str, str], tuple[Latest, _Marks]] = {}


def _unpack(content: bytes | None) -> tuple[Latest, _Marks]:
    """Read a side file; one of another form counts as none."""
    import pyarrow.compute as pc

    if not content:
        return _NOTHING
    wanted = {*NOTED, _PINNED, _STANDS}
    try:
        with _open(content, wanted.__contains__) as file:
            marks, columns = _Marks.from_json(file.schema.metadata[_MARKS]), file.read_all()
    except (ValueError, KeyError, OSError):  # Arrow's own errors are of these.
        return _NOTHING
    places = pc.indices_nonzero(columns[_STANDS])
    return Latest(columns.take(places), content, places.to_pylist()), marks


def _open(content: bytes, wanted: Callable[[str], bool]) -> "pa.RecordBatchFileReader":
    import pyarrow as pa

    names = pa.ipc.open_file(content).schema.names
    included = [position for position, name in enumerate(names) if wanted(name)]
    return pa.ipc.open_file(content, options=pa.ipc.IpcReadOptions(included_fields=included))


def _pack(rows: "pa.Table", marks: _Marks) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    marked = rows.replace_schema_metadata({_MARKS: marks.to_json()})
    with pa.ipc.new_file(sink, marked.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_table(marked.combine_chunks(), max_chunksize=_TOGETHER)
    return bytes(sink.getvalue())


def _rows(scan: "DataScan", files: Mapping[str, "FileScanTask"], known: Collection[str]) -> "pa.Table":
    """Return all rows of those of the ledger's files that are not known, with what their JSON tells."""
    import pyarrow as pa
    from pyiceberg.io.pyarrow import ArrowScan

    reader = ArrowScan(scan.table_metadata, scan.io, scan.projection(), scan.row_filter)
    with catalog_errors():
        found = {path: reader.to_table([task]) for path, task in files.items() if path not in known}
        rows = told(pa.concat_tables(found.values()) if found else reader.to_table([]))
    return rows.append_column(
        _FILE, pa.array([path for path, of in found.items() for _ in range(len(of))], pa.string())
    )


def _joined(kept: Latest, added: "pa.Table", files: Collection[str]) -> "pa.Table":
    """Return the rows of some files, of each file the last of a (publication, day), and which of all of them stands."""
    import pyarrow as pa
    import pyarrow.compute as pc

    before = [pa.ipc.open_file(kept.packed).read_all().select(added.column_names)] if kept.packed else []
    rows = pa.concat_tables([*(one.cast(added.schema) for one in before), added])
    rows = rows.filter(pc.is_in(rows[_FILE], pa.array(sorted(files), pa.string())))
    ranks = pa.array([_RANK[State(one)] for one in rows["state"].to_pylist()], pa.int8())
    ages = pa.table({"rank": ranks, "at": rows["recorded_ts"]})
    rows = rows.take(pc.sort_indices(ages, sort_keys=[("rank", "ascending"), ("at", "ascending")]))
    rows = rows.take(_last(rows, _FILE, *_KEY))
    stands = pc.is_in(pa.array(range(len(rows)), pa.int64()), _last(rows, *_KEY))
    return rows.append_column(_STANDS, stands)


def _last(rows: "pa.Table", *names: str) -> "pa.ChunkedArray":
    """Return the position of the last row of each value of some columns, in the rows' order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = rows.select(names).append_column("position", pa.array(range(len(rows)), pa.int64()))
    found = keys.group_by(list(names), use_threads=False).aggregate([("position", "max")])["position_max"]
    return found.take(pc.sort_indices(found))
