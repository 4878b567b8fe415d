"""What a micro-batch tells of itself: offsets, counts and times, from the counts of its parts. No engine."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import Row

from matinee.days import micros_of
from matinee.landing.micro_batch import _landed, _landing, _Noted

AT = datetime(2026, 3, 1, tzinfo=UTC)
NOTED = _Noted("query", AT.isoformat(), "topic", 5)


def part(file: str, first: int, last: int, rows: int, minutes: int = 0, **values: object) -> Row:
    """Counts of a partition's records of one reason; `minutes` after `AT` the source got them."""
    at = micros_of(AT + timedelta(minutes=minutes))
    counts = {"reason": None, "skewed": 0, "oldest_us": at, "received_us": at}
    return Row(file=file, first=first, last=last, rows=rows, **(counts | values))


PARTS = [
    part("plays/0", 4, 8, 4, minutes=2, skewed=1),
    part("plays/0", 6, 9, 2, minutes=1, reason="blank_line"),
    part("plays/1", 0, 0, 1, minutes=3),
]


def test_a_landing_says_where_the_table_is_after_it() -> None:
    told = _landing("raw.plays", PARTS, {"plays/0": 4, "plays/2": 7}, {"x": 1}, NOTED)
    assert (told.after, told.through) == ({"plays/0": 4, "plays/2": 7}, {"plays/0": 10, "plays/1": 1, "plays/2": 7})
    assert told.file == "plays/0:4-10,plays/1:0-1"
    assert (told.query_id, told.batch_ts, told.topic_id, told.max_line_bytes) == ("query", AT.isoformat(), "topic", 5)


def test_a_landing_counts_good_and_bad_rows() -> None:
    told = _landing("raw.plays", PARTS, {}, {"x": 1}, NOTED)
    assert (told.rows_in, told.rows_landed, told.rows_quarantined, told.skewed) == (7, 5, 2, 1)
    assert (told.reasons, told.unknown_fields) == ({"blank_line": 2}, {"x": 1})
    assert told.received_ts == AT + timedelta(minutes=3)


def test_the_identity_of_a_landing_is_of_its_range_and_topic() -> None:
    first, again, longer = (
        _landing("raw.plays", parts, {}, {}, NOTED).sha256 for parts in (PARTS, PARTS[::-1], PARTS[:1])
    )
    other_topic = _landing("raw.plays", PARTS, {}, {}, _Noted("query", AT.isoformat(), "another", 5)).sha256
    assert first == again
    assert len({first, longer, other_topic}) == 3


def test_a_batch_tells_its_rows_and_how_long_the_oldest_has_waited() -> None:
    landed = _landed(PARTS)
    assert (landed.rows, landed.bad, landed.oldest) == (7, 2, AT + timedelta(minutes=1))
    assert landed.offsets == {"plays/0": 10, "plays/1": 1}


def test_a_batch_without_new_records_has_nothing_to_tell() -> None:
    landed = _landed([])
    assert (landed.rows, landed.bad, landed.oldest, landed.offsets) == (0, 0, None, {})
