"""Records of a real broker, read without a JVM: as they were sent, each once, in the order of the offsets."""

from collections.abc import Iterator

import pytest
from py4j.java_gateway import JVMView
from tests.support.kafka import clients, create, recreate, send, send_in_transaction

from matinee.errors import EngineFailedError, RecordsGoneError
from matinee.retries import wait_until
from matinee.settings import load_settings
from matinee.sources.kafka.fetching import Partitions
from matinee.sources.kafka.metadata import metadata
from matinee.stack.broker import broker

pytestmark = pytest.mark.slow
COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, JVMView]]:
    settings = load_settings(home=tmp_path_factory.mktemp("kafka"), catalog="embedded", spark_remote=None)
    with broker(settings) as servers, clients() as jvm:
        create(jvm, servers, *COMPRESSIONS, "mixed", "short", "again")
        yield servers, jvm


def read(servers: str, topic: str, starts: dict[int, int] | None = None) -> tuple[list[list[str]], dict[int, int]]:
    """The values of each partition up to its end, and the offsets after them."""
    with Partitions(servers, topic) as partitions:
        ends, offsets = partitions.ends(), starts or partitions.begins()
        values: list[list[str]] = [[] for _ in ends]
        while any(offsets[each] < ends[each] for each in ends):
            for fetched in partitions.fetch(offsets, 0.2):
                values[fetched.partition] += [(record.value or b"").decode() for record in fetched.records]
                offsets[fetched.partition] = fetched.next
        return values, offsets


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressed_records_are_read_as_they_were_sent(kafka: tuple[str, JVMView], compression: str) -> None:
    servers, jvm = kafka
    values = [[f"{partition} {number} é {'x' * 100}" for number in range(500)] for partition in range(2)]
    for partition in range(2):
        send(jvm, servers, compression, values[partition], compression, partition)
    assert read(servers, compression)[0] == values
    assert read(servers, compression, {0: 490, 1: 499})[0] == [values[0][490:], values[1][499:]]


def test_records_of_aborted_transactions_are_passed_over(kafka: tuple[str, JVMView]) -> None:
    servers, jvm = kafka
    send(jvm, servers, "mixed", ["a"])
    send_in_transaction(jvm, servers, "mixed", ["b", "c"], commit=False)
    send_in_transaction(jvm, servers, "mixed", ["d"], commit=True)
    send_in_transaction(jvm, servers, "mixed", ["e"], commit=False)
    values, offsets = read(servers, "mixed")
    assert values == [["a", "d"], []]
    send(jvm, servers, "mixed", ["f"])
    assert read(servers, "mixed", offsets)[0] == [["f"], []]


def test_an_offset_that_the_topic_does_not_have_is_told(kafka: tuple[str, JVMView]) -> None:
    servers, jvm = kafka
    send(jvm, servers, "short", ["a"])
    with Partitions(servers, "short") as partitions, pytest.raises(RecordsGoneError, match="partition 0"):
        list(partitions.fetch({0: 9, 1: 0}, 0.2))


def test_another_topic_of_the_name_has_another_identity(kafka: tuple[str, JVMView]) -> None:
    servers, jvm = kafka
    send(jvm, servers, "again", ["a"])
    with Partitions(servers, "again") as before:
        recreate(jvm, servers, "again")
        known = wait_until(lambda: metadata(servers, ["again"]), 20, 0.1, bool)
        assert known["again"].identity != before.identity


def test_a_topic_that_is_missing_is_an_error_that_passes(kafka: tuple[str, JVMView]) -> None:
    with pytest.raises(EngineFailedError, match="have no topic nothing"):
        Partitions(kafka[0], "nothing")
