"""Landed rows are split by their partition values: each wanted row is in one part, in its order."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from matinee.landing.writing.data_files import FEW_PARTS, _split

DAY = date(2026, 3, 1)
ROW = st.tuples(st.integers(0, FEW_PARTS + 4), st.integers(0, 1), st.booleans())


def tables(chunks: list[list[tuple[int, int, bool]]]) -> pa.Table:
    """Rows with a number, a day, an instant and a text; rows that are not wanted have only the number."""
    form = pa.schema(
        [("n", pa.int64()), ("day", pa.date32()), ("at", pa.timestamp("us", "UTC")), ("kind", pa.string())]
    )
    pieces, number = [form.empty_table()], 0
    for chunk in chunks:
        rows = []
        for days, kind, wanted in chunk:
            day = DAY + timedelta(days=days)
            at = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
            values = (day, at, str(kind)) if wanted else (None, None, None)
            rows.append(dict(zip(("n", "day", "at", "kind"), (number, *values), strict=True)))
            number += 1
        pieces.append(pa.Table.from_pylist(rows, schema=form))
    return pa.concat_tables(pieces)


def parts(rows: pa.Table, by: tuple[str, ...]) -> list[list[int]]:
    """The numbers of the rows of each part; the parts are ordered by their first row."""
    return sorted(part["n"].to_pylist() for part in _split(rows, by, rows["day"].is_valid()))


def expected(rows: pa.Table, by: tuple[str, ...]) -> list[list[int]]:
    """The same as `parts`, computed row by row."""
    numbers: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row in rows.to_pylist():
        if row["day"] is not None:
            numbers[tuple(row["day"] if name == "at" else row[name] for name in by)].append(row["n"])
    return sorted(numbers.values())


@given(st.lists(st.lists(ROW, max_size=20), max_size=3))
def test_each_wanted_row_is_in_the_part_of_its_values(chunks: list[list[tuple[int, int, bool]]]) -> None:
    rows = tables(chunks)
    for by in (("day",), ("at",), ("day", "kind"), ()):
        assert parts(rows, by) == expected(rows, by)


def test_rows_of_more_days_than_few_are_split_in_chunks_too() -> None:
    rows = tables([[(day, 0, True) for day in range(FEW_PARTS + 2)]] * 2)
    assert parts(rows, ("day",)) == [[day, day + FEW_PARTS + 2] for day in range(FEW_PARTS + 2)]


def test_rows_without_a_value_are_a_part_of_their_own() -> None:
    rows = pa.table({"n": [0, 1, 2, 3, 4], "country": pa.array([None, "FR", None, "DE", None], pa.string())})
    wanted = pa.chunked_array([[True, True, True, True, False]])
    assert sorted(part["n"].to_pylist() for part in _split(rows, ("country",), wanted)) == [[0, 2], [1], [3]]
    nothing = rows.set_column(1, "country", pa.nulls(5, pa.string()))
    assert [part["n"].to_pylist() for part in _split(nothing, ("country",), wanted)] == [[0, 1, 2, 3]]
