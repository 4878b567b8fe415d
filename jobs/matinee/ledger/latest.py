"""The latest rows of the ledger: for each (publication, day) of a dataset the row that stands.

A side file caches them. It records the ledger's data file of each row: a reader adds the rows of new files, and drops
the rows of files that are gone (the ledger was gathered, set back, relocated or restored). Data files never change, so
equal files hold equal rows, whatever has become of the snapshots. Where the side file is of another ledger or form, all
files are read.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from matinee.ledger.columns import columns_of_rows, notes_of, schema
from matinee.ledger.model import Publication, State, from_row
from matinee.ledger.notes import TOLD, Note, told
from matinee.ledger.records import Records, ordered
from matinee.table import refs, side_files
from matinee.table.catalog import Lake, catalog_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import DataScan, FileScanTask, Table

LEDGER = "ops.publications"
_FORM = 4
_MARKS = b"matinee.marks"
#: Columns of the side file alone: the ledger's data file of a row, and whether the row stands.
_FILE, _STANDS = "file", "stands"
#: The position of a row that stands among all rows; the bytes of the number before the two Arrow files.
_PLACE, _LENGTH = "place", 8
_OWN = {*TOLD, _FILE, _STANDS}
_KEY = ("publication_id", "day")
#: Rows that are unpacked together: nearly all of a row are its verdicts, which are hardly ever needed.
_TOGETHER = 64
#: An attempt may be abandoned and prepared again, so those two order by time; what reached `main` stays reached.
_RANK = {State.PREPARED: 0, State.ABANDONED: 0, State.PUBLISHED: 1, State.WITHDRAWN: 2}


@dataclass(frozen=True, eq=False)
class Latest:
    """Rows of the ledger, packed; `Latest.publication` reads one row.

    Attributes:
        columns: of the rows that stand, the columns of notes and of the days read as valid (`columns.schema`), by day,
            then by `Note.age`; None where there is no row.
        packed: the Arrow file of all rows and columns.
        places: the position of each row in that file.
    """

    columns: "pa.Table | None" = None
    packed: "pa.Buffer | None" = None
    places: Sequence[int] = ()
    _unpacked: dict[int, "pa.RecordBatch"] = field(default_factory=dict)

    @cached_property
    def records(self) -> Records:
        """The columns as records."""
        return Records(schema().empty_table() if self.columns is None else self.columns)

    def publication(self, position: int) -> Publication:
        """Return the publication of a row, with its run and its verdicts."""
        import pyarrow as pa

        number, offset = divmod(int(self.places[position]), _TOGETHER)
        batch = self._unpacked.get(number)
        if batch is None:
            names = pa.ipc.open_file(self.packed).schema.names
            wanted = [place for place, name in enumerate(names) if name not in _OWN]
            with pa.ipc.open_file(self.packed, options=pa.ipc.IpcReadOptions(included_fields=wanted)) as file:
                batch = file.get_batch(number)
            self._unpacked.clear()  # One batch is enough to read in order; all would be the whole ledger.
            self._unpacked[number] = batch  # Other threads may clear it at any time.
        [row] = batch.slice(offset, 1).to_pylist()
        return from_row(row)


@dataclass(frozen=True, eq=False)
class Recorded(Mapping[tuple[str, date], Publication]):
    """The rows that stand, as written, by (publication id, day); a row is read on access."""

    rows: Latest

    @cached_property
    def notes(self) -> Mapping[tuple[str, date], Note]:
        """The note of each row."""
        notes = () if self.rows.columns is None else notes_of(self.rows.columns)
        return {(note.publication_id, note.day): note for note in notes}

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
        _seen[key] = kept, marks
        return kept
    scan = table.scan(row_filter=f"dataset = '{dataset}'")
    with catalog_errors():
        files = {task.file.file_path: task for task in scan.plan_files()}
    # A deleted row stays in its data file, which does not change.
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
    """What a side file was made from: all files that the ledger had at a snapshot."""

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
        marks = json.loads(content)
        if marks["form"] != _FORM:
            raise ValueError(f"form {marks['form']} is not known")
        return cls(marks["uuid"], marks["snapshot_id"], frozenset(marks["files"]), tuple(marks["columns"]))


_NOTHING = Latest(), _Marks()
#: The rows that this process read last, by the ledger's identity and the dataset: a step needs them a dozen times.
_seen: dict[tuple[str, str], tuple[Latest, _Marks]] = {}


def _unpack(content: bytes | None) -> tuple[Latest, _Marks]:
    """Read a side file: the length of an Arrow file, that file of the rows that stand, and an Arrow file of all rows.

    A side file of another form counts as missing.
    """
    import pyarrow as pa

    if not content:
        return _NOTHING
    whole = pa.py_buffer(content)
    try:
        end = _LENGTH + int.from_bytes(content[:_LENGTH], "big")
        standing = pa.ipc.open_file(whole.slice(_LENGTH, end - _LENGTH)).read_all()
        marks = _Marks.from_json(standing.schema.metadata[_MARKS])
    except (ValueError, KeyError, IndexError, TypeError, OSError):  # Arrow's own errors derive from these.
        return _NOTHING
    return Latest(standing.drop_columns(_PLACE), whole.slice(end), standing[_PLACE].to_numpy()), marks


def _pack(rows: "pa.Table", marks: _Marks) -> bytes:
    """Return the side file of rows, whose column `_STANDS` says which rows stand."""
    import pyarrow.compute as pc

    places = pc.indices_nonzero(rows[_STANDS])
    standing = columns_of_rows(rows.take(places)).append_column(_PLACE, places)
    standing = standing.take(ordered(standing))
    # Each look reads the first file, and hardly ever the second.
    head = _written(standing.replace_schema_metadata({_MARKS: marks.to_json()}), None)
    # Earlier versions read the form at the end only.
    marked = rows.replace_schema_metadata({_MARKS: json.dumps({"form": _FORM})})
    return len(head).to_bytes(_LENGTH, "big") + head + _written(marked, _TOGETHER)


def _written(rows: "pa.Table", together: int | None) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    # For so many small buffers LZ4 takes a fifth of Zstandard's time, to pack and to unpack.
    with pa.ipc.new_file(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
        file.write_table(rows.combine_chunks(), max_chunksize=together)
    return bytes(sink.getvalue())


def _rows(scan: "DataScan", files: Mapping[str, "FileScanTask"], known: Collection[str]) -> "pa.Table":
    """Return all rows of the ledger's files that are not known yet, with the columns that their JSON tells."""
    import pyarrow as pa
    from pyiceberg.io.pyarrow import ArrowScan

    reader = ArrowScan(scan.table_metadata, scan.io, scan.projection(), scan.row_filter)
    with catalog_errors():
        tables = {path: reader.to_table([task]) for path, task in files.items() if path not in known}
        rows = told(pa.concat_tables(tables.values()) if tables else reader.to_table([]))
    return rows.append_column(
        _FILE, pa.array([path for path, table in tables.items() for _ in range(len(table))], pa.string())
    )


def _joined(kept: Latest, added: "pa.Table", files: Collection[str]) -> "pa.Table":
    """Return each file's last row of each (publication, day); `_STANDS` says which row stands among all files."""
    import pyarrow as pa
    import pyarrow.compute as pc

    before = [pa.ipc.open_file(kept.packed).read_all().select(added.column_names)] if kept.packed else []
    rows = pa.concat_tables([*(table.cast(added.schema) for table in before), added])
    known = pc.is_in(rows[_FILE], pa.array(sorted(files), pa.string()))
    ranks = pc.take(pa.array(_RANK.values(), pa.int8()), pc.index_in(rows["state"], pa.array(_RANK, pa.string())))
    ages = pa.table({"known": known, "rank": ranks, "at": rows["recorded_ts"]})
    order = pc.sort_indices(ages, sort_keys=[(name, "ascending") for name in ages.column_names])
    order = order[len(rows) - (pc.sum(known).as_py() or 0) :]  # Rows of files that are gone come first.
    # The rows are wide, so they are copied only once.
    keys = rows.select([_FILE, *_KEY]).take(order)
    last = _last(keys, _FILE, *_KEY)
    one_each = keys.take(last)
    stands = pc.is_in(pa.array(range(len(one_each)), pa.int64()), _last(one_each, *_KEY))
    return rows.take(order.take(last)).append_column(_STANDS, stands)


def _last(rows: "pa.Table", *names: str) -> "pa.ChunkedArray":
    """Return the position of the last row of each value of some columns, in the rows' order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = rows.select(names).append_column("place", pa.array(range(len(rows)), pa.int64()))
    places = keys.group_by(list(names), use_threads=False).aggregate([("place", "max")])["place_max"]
    return places.take(pc.sort_indices(places))
