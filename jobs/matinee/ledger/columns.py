"""Columns of a dataset's records: questions about all of them are answered from arrays, with no object for each."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from matinee.ledger.model import State
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


def numbers_of(by_day: Mapping[date, int]) -> "tuple[np.ndarray, np.ndarray]":
    """Return the days of a mapping, in order, and the number of each."""
    import numpy as np

    days = sorted(by_day)
    return np.array(days, "datetime64[D]"), np.array([by_day[day] for day in days], np.int64)


def values_on(days: "np.ndarray", known: "np.ndarray", values: "np.ndarray", missing: float) -> "np.ndarray":
    """Return the value that each of some days has, `missing` where it has none.

    Args:
        days: of any shape.
        known: the days that have values, in order, each once.
        values: of these days.
        missing: of other days.
    """
    import numpy as np

    if not len(known):
        return np.full(days.shape, missing)
    near = np.searchsorted(known, days).clip(max=len(known) - 1)
    on_days: np.ndarray = np.where(known[near] == days, values[near], missing)
    return on_days
