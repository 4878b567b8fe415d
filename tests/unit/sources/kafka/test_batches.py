"""Batches as brokers store them: what is cut off waits for the next answer, what is not known is an error."""

import struct

import pytest

from matinee.errors import EngineFailedError
from matinee.sources.kafka.batches import Record, records

#: A record of one byte, five milliseconds and two offsets after the first of its batch.
RECORD = bytes([16, 0, 10, 4, 1, 2]) + b"x" + bytes([0])
RECORD = bytes([2 * (len(RECORD) - 1)]) + RECORD[1:]


def batch(first: int, form: int = 2, attributes: int = 0, producer: int = -1, content: bytes = RECORD) -> bytes:
    head = struct.pack(">ibIhiqqqhii", 0, form, 0, attributes, 2, 1000, 2000, producer, 0, 0, 1)
    return struct.pack(">qi", first, len(head) + len(content)) + head + content


def test_a_record_has_its_offset_and_its_time() -> None:
    assert records(batch(7), [], 0) == ([Record(9, 1_005_000, b"x")], 10)


def test_where_the_broker_sets_the_time_the_time_is_the_batch_s() -> None:
    assert records(batch(7, attributes=8), [], 0)[0] == [Record(9, 2_000_000, b"x")]


def test_records_before_the_start_are_left_out() -> None:
    assert records(batch(7), [], 10) == ([], 10)


def test_a_batch_that_is_cut_off_is_left_for_the_next_answer() -> None:
    assert records(batch(7) + batch(10)[:-1], [], 0) == ([Record(9, 1_005_000, b"x")], 10)


def test_records_of_an_aborted_transaction_count_as_read() -> None:
    content = batch(7, attributes=16, producer=3) + batch(10, attributes=16, producer=4)
    assert records(content, [(3, 7)], 0) == ([Record(12, 1_005_000, b"x")], 13)


@pytest.mark.parametrize("content", [batch(7, form=1), batch(7, content=b"\x20"), batch(7, attributes=1)])
def test_a_batch_that_cannot_be_read_is_named(content: bytes) -> None:
    with pytest.raises(EngineFailedError, match="The batch at offset 7"):
        records(content, [], 0)
