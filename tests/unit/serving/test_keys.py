"""Keys: the order of their bytes is the order of their values, whatever the values are."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.errors import UnreadableError, UsageError
from matinee.serving.keys import TYPES, Key, after

WHOLE = st.integers(-(2**63), 2**63 - 1)
#: Texts with many zero bytes, and of characters near the ends of UTF-8's lengths.
TEXTS = st.text(st.sampled_from("\x00\x01aé\u07ff\u0800\uffff\U00010000\U0010ffff")) | st.text()
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "int": WHOLE,
    "long": WHOLE,
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamptz": st.datetimes(timezones=st.just(UTC)),
}
ARROW = {
    "string": pa.string(),
    "int": pa.int64(),
    "long": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", "UTC"),
}


def key_of(*kinds: str) -> Key:
    return Key(tuple(f"c{number}" for number in range(len(kinds))), kinds)


def ordered(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Texts order by their UTF-8 bytes; Python orders them by code points, which is the same."""
    return tuple(value.encode() if isinstance(value, str) else value for value in values)


@st.composite
def tuples(draw: st.DrawFn) -> tuple[Key, list[tuple[Any, ...]]]:
    kinds = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3))
    rows = draw(st.lists(st.tuples(*(VALUES[kind] for kind in kinds)), min_size=2, max_size=6))
    return key_of(*kinds), rows


@settings(deadline=None, max_examples=60)
@given(tuples())
def test_bytes_order_as_the_tuples_do(drawn: tuple[Key, list[tuple[Any, ...]]]) -> None:
    key, rows = drawn
    assert sorted(rows, key=ordered) == sorted(rows, key=key.encode)


@settings(deadline=None, max_examples=60)
@given(tuples())
def test_a_key_decodes_to_its_values(drawn: tuple[Key, list[tuple[Any, ...]]]) -> None:
    key, rows = drawn
    assert [key.decode(key.encode(row)) for row in rows] == rows


@settings(deadline=None, max_examples=60)
@given(tuples())
def test_a_batch_has_the_bytes_of_its_rows(drawn: tuple[Key, list[tuple[Any, ...]]]) -> None:
    key, rows = drawn
    columns = [pa.array(column, ARROW[kind]) for kind, column in zip(key.types, zip(*rows, strict=True), strict=True)]
    batch = pa.record_batch(columns, names=key.names)
    assert key.encode_batch(batch).to_pylist() == list(map(key.encode, rows))
    assert key.encode_batch(batch.slice(1)).to_pylist() == list(map(key.encode, rows[1:]))


@settings(deadline=None, max_examples=60)
@given(tuples())
def test_only_keys_of_a_prefix_lie_between_the_prefix_and_what_follows(
    drawn: tuple[Key, list[tuple[Any, ...]]],
) -> None:
    key, rows = drawn
    prefix = key.encode(rows[0][:1])
    end = after(prefix)
    for row in rows:
        encoded = key.encode(row)
        assert (row[0] == rows[0][0]) == (encoded >= prefix and (end is None or encoded < end))


def test_the_empty_prefix_is_before_all_keys_and_nothing_is_after() -> None:
    assert (key_of("string").encode([]), key_of("string").decode(b""), after(b""), after(b"\xff")) == (
        b"",
        (),
        None,
        None,
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", 1),
        ("string", "\ud800"),
        ("string", None),
        ("long", 2**63),
        ("long", True),
        ("long", 1.0),
        ("boolean", 1),
        ("date", datetime(2026, 3, 1, tzinfo=UTC)),
        ("timestamptz", datetime(2026, 3, 1)),  # noqa: DTZ001 - what is refused
        ("timestamptz", date(2026, 3, 1)),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, value: object) -> None:
    with pytest.raises(UsageError, match="no value of the key's column c0"):
        key_of(kind).encode([value])


def test_more_values_than_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="2 values are given for a key of 1 columns"):
        key_of("string").encode(["a", "b"])


def test_a_null_in_a_column_of_the_key_is_refused() -> None:
    with pytest.raises(UsageError, match="c0 of the key has a NULL"):
        key_of("string").encode_batch(pa.record_batch({"c0": pa.array(["a", None])}))


def test_a_time_of_another_zone_is_the_same_instant() -> None:
    there = datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert key_of("timestamptz").encode([there]) == key_of("timestamptz").encode([datetime(2026, 3, 1, tzinfo=UTC)])


@pytest.mark.parametrize("content", [b"abc", b"a\x00\xff", b"\xff\xff\x00\x01"])
def test_bytes_that_are_no_key_are_refused(content: bytes) -> None:
    with pytest.raises(UnreadableError, match="is no key of c0"):
        key_of("string").decode(content)


def test_a_cut_number_is_no_key() -> None:
    with pytest.raises(UnreadableError):
        key_of("long").decode(b"\x80\x00")


def test_texts_of_a_command_line_become_values() -> None:
    key = key_of(*TYPES)
    texts = ["a b", "-7", "9223372036854775807", "2026-03-01", "2026-03-01T01:00+01:00", "true"]
    values = ("a b", -7, 2**63 - 1, date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), True)
    assert key.parse(texts) == values
    assert key.parse(texts[:1]) == ("a b",)


@pytest.mark.parametrize(("kind", "text"), [("long", "x"), ("long", str(2**63)), ("boolean", "1"), ("date", "1")])
def test_a_text_that_spells_no_value_is_refused(kind: str, text: str) -> None:
    with pytest.raises(UsageError):
        key_of(kind).parse([text])


def test_more_texts_than_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="2 values"):
        key_of("long").parse(["1", "2"])
