"""Columns of lists and structs, in lines and in rows of Parquet: which rows land, and which are bad."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from tests.support.nested import with_lists, with_structs
from tests.support.parsed_rows import kept
from tests.unit.landing.parsing.test_lines import LANDED, PLAYS, more, play, reasons, table
from tests.unit.landing.parsing.test_rows import START, plays

from matinee.landing.parsing.lines import parse_lines
from matinee.landing.parsing.row_text import row_texts
from matinee.landing.parsing.rows import _proven, parse_rows
from matinee.landing.parsing.strict import prover_of
from matinee.landing.parsing.text import NO_TEXT

PLAYS_WITH_LISTS, PLAYS_WITH_STRUCTS = with_lists(PLAYS), with_structs(PLAYS)


def test_lists_take_the_fast_way_and_hold_what_was_sent() -> None:
    lists = {
        "texts": ["a", "", 'é "x"'],
        "strings0": ["a", None],
        "ints0": [1, None],
        "longs1": [],
        "doubles0": [0.5, 1],
    }
    lists |= {"booleans1": [True], "dates1": ["2026-03-01"], "timestamptzs0": ["2026-03-01T12:00:00Z"], "ints1": None}
    lines = [play(**lists), play(texts=[]), play(texts=["a", "b"], note=["c"])]
    assert prover_of(PLAYS_WITH_LISTS).prove(lines).is_good.all()
    [row, bare, more] = table(*lines, contract=PLAYS_WITH_LISTS).to_pylist()
    times = {"dates1": [date(2026, 3, 1)], "timestamptzs0": [datetime(2026, 3, 1, 12, tzinfo=UTC)]}
    assert {name: row[name] for name in lists} == lists | times
    assert (bare["texts"], bare["ints0"], more["texts"], more["unknown"]) == ([], None, ["a", "b"], ["note"])


@pytest.mark.parametrize(
    ("reason", "lists"),
    [
        (None, {"strings0": ["a", None]}),
        (None, {"texts": []}),
        (None, {"texts": [" "]}),
        ("missing_texts", {"texts": None}),
        ("wrong_type_texts", {"texts": "a"}),
        ("wrong_type_texts", {"texts": {"a": 1}}),
        ("wrong_type_texts", {"texts": ["a", 1]}),
        ("wrong_type_texts", {"texts": [["a"]]}),
        ("wrong_type_texts", {"texts": ["a\ud83d"]}),
        ("wrong_type_texts", {"texts": ["a", None]}),
        ("wrong_type_ints1", {"ints1": [None]}),
        ("wrong_type_ints0", {"ints0": [2**31]}),
        ("wrong_type_doubles0", {"doubles0": ["1"]}),
        ("wrong_type_timestamptzs0", {"timestamptzs0": ["2026-03-01"]}),
    ],
)
def test_a_list_is_right_where_each_of_its_items_is(reason: str | None, lists: dict[str, object]) -> None:
    assert reasons(play(**({"texts": ["x"]} | lists)), contract=PLAYS_WITH_LISTS) == [reason]


def test_a_list_that_stands_twice_is_no_row() -> None:
    twice = [b'"texts":["a"],"texts":[]', b'"texts":[],"texts":["a"]', b'"ints0":[1],"texts":[],"ints0":[]']
    assert reasons(*(more("," + text.decode()) for text in twice), contract=PLAYS_WITH_LISTS) == ["malformed_json"] * 3


@pytest.mark.parametrize(
    "columns",
    [
        {"doubles0": pa.array([[0.5, None, 2], [], None, [-0.0, float("nan")], [float("inf")]])},
        {"doubles0": pa.array([[1, None, 2], [], None, [2**53 + 1], [-1]])},
        {"booleans1": pa.array([[True, False], [], None, [None], [False]])},
        {"dates0": pa.array([[date(2026, 3, 1), None], [], None, [date(999, 1, 1)], []])},
        {"dates0": pa.array([["2026-03-01", None], [], None, ["now"], ["2026-03-01"]])},
        {"timestamptzs1": pa.array([[START, START], [], None, [None], [START]])},
        {
            "timestamptzs1": pa.array(
                [["2026-03-01T12:00:00.1234567Z"], [], None, ["x"], ["2026-03-01T12:00:00Z", None]]
            )
        },
        {"texts": pa.array([[1, 2], [], None, [None], [3]])},
        {"texts": pa.array([[["a"]], [], None, [None], [[]]])},
        {"texts": pa.array([["a", None], ["", NO_TEXT], None, [None], ["é"]], pa.large_list(pa.large_string()))},
        {"texts": pa.array([["a", None], ["b", "c"], None, ["d", "e"], ["é", "f"]], pa.list_(pa.string(), 2))},
        {"texts": pa.array([["a", None], ["b", "c"], None, ["d", "e"], ["é"]], pa.list_view(pa.string()))},
        {"ints0": pa.array([[1, 2**31], [], None, [2**31 - 1], [None]])},
        {"longs1": pa.array([[1, 2**31], [], None, [2**40], [None]])},
        {"strings1": pa.array([["a", "b"], [], None, ["c", None], ["d"]])},
        {
            "strings1": pa.array(
                [["a", "b"], [], None, ["c", "d"], ["e"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))
            )
        },
    ],
)
def test_columns_of_lists_say_what_their_rows_say_as_json(columns: dict[str, pa.Array]) -> None:
    usual = {"texts": pa.array([[""]] * 5), "strings0": pa.array(["x", None, "y", None, "z"])}
    rows = plays(**(usual | columns))
    expected = parse_lines(PLAYS_WITH_LISTS, "f", row_texts(rows), 5, LANDED)
    parsed = pa.Table.from_batches([parse_rows(PLAYS_WITH_LISTS, "f", rows, 5, LANDED)])
    assert kept(parsed.cast(expected.schema)).equals(kept(expected))


def test_rows_with_lists_as_producers_write_them_are_taken_whole() -> None:
    lists = pa.array([["a", "b"], [], ["é"], ["c"]])
    for column in (lists, lists.cast(pa.large_list(pa.large_string())), lists.slice(1, 2)):
        rows = plays(texts=column)
        assert _proven(PLAYS_WITH_LISTS, rows).is_good.all()
        [chunk] = pa.Table.from_batches([parse_rows(PLAYS_WITH_LISTS, "f", rows, 1, LANDED)])["texts"].chunks
        assert chunk.to_pylist() == column.to_pylist()


@pytest.mark.parametrize(
    ("reason", "unknown", "nested"),
    [
        (None, [], {"place": None, "steps": [], "grid": [[1], None, []]}),
        (None, [], {"place": {"country": "DE", "seen": [None, "2026-03-01T12:00:00Z"]}}),
        (None, ["place.city"], {"place": {"country": "DE", "city": "Bonn"}}),
        (None, ["steps.x", "steps.y"], {"steps": [{"name": "a", "y": 1}, {"name": "b", "x": 1, "y": None}]}),
        ("wrong_type_place", [], {"place": {"zip": 1}}),
        ("wrong_type_place", [], {"place": {"country": "DE", "zip": "1"}}),
        ("wrong_type_place", [], {"place": {"country": "DE", "seen": "2026-03-01T12:00:00Z"}}),
        ("wrong_type_place", [], {"place": []}),
        ("wrong_type_steps", [], {"steps": [None]}),
        ("wrong_type_steps", [], {"steps": [{"day": "2026-03-01"}]}),
        ("wrong_type_steps", [], {"steps": {"name": "a"}}),
        ("wrong_type_grid", [], {"grid": [[1, None]]}),
        ("wrong_type_grid", [], {"grid": [1]}),
    ],
)
def test_a_struct_is_right_where_each_of_its_fields_is(
    reason: str | None, unknown: list[str], nested: dict[str, object]
) -> None:
    [row] = table(play(**nested), contract=PLAYS_WITH_STRUCTS).to_pylist()
    assert (row["reason"], row["unknown"]) == (reason, unknown)


def test_rows_with_structs_say_what_they_say_as_json() -> None:
    place = [{"country": "DE", "zip": 1}, None, {"country": None, "zip": 1}, {"country": "FR", "zip": None}]
    kind = pa.struct([("country", pa.string()), ("zip", pa.int64())])
    rows = plays(place=pa.array(place, kind), grid=pa.array([[[1], None], [], None, [[2**40]]]))
    expected = parse_lines(PLAYS_WITH_STRUCTS, "f", row_texts(rows), 5, LANDED)
    parsed = pa.Table.from_batches([parse_rows(PLAYS_WITH_STRUCTS, "f", rows, 5, LANDED)])
    assert kept(parsed).equals(kept(expected))
    assert parsed["reason"].to_pylist() == [None, None, "wrong_type_place", None]
    assert parsed["place"].to_pylist()[3] == {"country": "FR", "zip": None, "seen": None}
