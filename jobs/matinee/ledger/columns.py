"""Columns of a dataset's records: questions about all of them are answered from arrays, with no object for each."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from matinee.ledger.model import REACHED, State
from matinee.ledger.notes import Note, Read

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

#: The columns of a note, in the order of its fields.
NOTED = (
    "publication_id",
    "day",
    "state",
    "generation",
    "recorded_ts",
    "audited_snapshot_id",
    "head_snapshot_id",
    "head_sequence_number",
    "rows_in",
    "rows_out",
    "rows_duplicate",
    "blocked",
    "as_of_us",
    "stamp",
)
#: The input days that were read as valid: a `Read` for each.
PINNED = "pinned"


def schema() -> "pa.Schema":
    """Return the columns of notes and of what was read."""
    import pyarrow as pa

    text, number, day = pa.string(), pa.int64(), pa.date32()
    kinds = (text, day, text, number, pa.timestamp("us", "UTC"), *[number] * 6, pa.bool_(), number, text)
    return pa.schema([*zip(NOTED, kinds, strict=True), (PINNED, pa.list_(Read.type()))])


def columns_of_rows(rows: "pa.Table") -> "pa.Table":
    """Return the columns of `schema` from ledger rows to which `notes.told` has added its columns."""
    import pyarrow.compute as pc

    form = schema()
    columns = rows.select(form.names).cast(form)
    for name in ("generation", "rows_in", "rows_out", "rows_duplicate"):
        columns = columns.set_column(form.get_field_index(name), name, pc.fill_null(columns[name], 0))
    return columns


def columns_of_notes(notes: Iterable[Note]) -> "pa.Table":
    """Return the columns of notes, without what was read."""
    import pyarrow as pa

    fields = [schema().field(name) for name in NOTED]
    arrays = [pa.array(values, field.type) for field, values in zip(fields, zip(*notes, strict=True), strict=True)]
    return pa.table(arrays, names=NOTED)


def notes_of(columns: "pa.Table") -> tuple[Note, ...]:
    """Return the notes that columns hold."""
    import pyarrow as pa

    arrays = dict(zip(NOTED, columns.select(NOTED).columns, strict=True))
    plain = {name: column.to_pylist() for name, column in arrays.items() if name != "recorded_ts"}
    plain["recorded_ts"] = arrays["recorded_ts"].cast(pa.int64()).to_pylist()
    plain["state"] = [State(state) for state in plain["state"]]
    return tuple(map(Note._make, zip(*(plain[name] for name in NOTED), strict=True)))


def ordered(columns: "pa.Table") -> "pa.Array":
    """Return the positions of rows by day, then by `Note.age`."""
    import pyarrow.compute as pc

    sequence = pc.fill_null(columns["head_sequence_number"], 0)
    aged = columns.select(["day", "recorded_ts", "publication_id"]).append_column("sequence", sequence)
    return pc.sort_indices(
        aged, sort_keys=[(name, "ascending") for name in ("day", "sequence", "recorded_ts", "publication_id")]
    )


def rows_by_day(columns: "pa.Table") -> Mapping[date, range]:
    """Return the row numbers of each day; the rows must be `ordered`."""
    import numpy as np

    days = days_of(columns)
    begins = np.flatnonzero(_differ(days)).tolist()
    ends = [*begins[1:], len(days)]
    return dict(zip(days[begins].tolist(), map(range, begins, ends), strict=True))


def newest_by_day(columns: "pa.Table") -> Mapping[date, int]:
    """Return the row of each day's newest publication that reached `main`; the rows must be `ordered`.

    Of several publications with one sequence number the oldest counts.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    reached = np.flatnonzero(pc.is_in(columns["state"], pa.array(REACHED)))
    days = days_of(columns)[reached]
    sequence = pc.fill_null(columns["head_sequence_number"], 0).to_numpy()[reached]
    oldest = np.flatnonzero(_differ(days) | _differ(sequence))
    newest = oldest[_differ(days[oldest][::-1])[::-1]]
    return dict(zip(days[newest].tolist(), reached[newest].tolist(), strict=True))


def days_of(columns: "pa.Table", name: str = "day") -> "np.ndarray":
    """Return a column of days as `datetime64[D]`."""
    days: np.ndarray = columns[name].to_numpy().astype("datetime64[D]")
    return days


def reads_of(columns: "pa.Table", dataset: str, *names: str) -> "pa.Table":
    """Return what rows read of an input: `reader` (the number of the row), `day`, and other columns of `Read`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = columns[PINNED].combine_chunks()
    read = pa.Table.from_struct_array(lists.flatten())
    wanted = read.select(["day", *names]).append_column("reader", pc.list_parent_indices(lists))
    return wanted.filter(pc.equal(read["dataset"], dataset))


def _differ(values: "np.ndarray") -> "np.ndarray":
    """Return which values differ from the value before them; the first does."""
    import numpy as np

    return np.append(values[:1] == values[:1], values[1:] != values[:-1])
