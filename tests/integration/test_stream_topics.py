"""Which records of topics the stream takes: committed ones, of the topics that it knows."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import kafka, streams
from tests.support.lakes import ids
from tests.support.lost_catalogs import put_back, save_catalog

from matinee.engine.session import spark_session
from matinee.errors import EngineFailedError, TopicChangedError
from matinee.landing import offsets
from matinee.landing.batches import unfinished
from matinee.landing.micro_batch import land_batch
from matinee.landing.model import QUARANTINE
from matinee.live.checkpoint import checkpoint_of, query_id
from matinee.live.tick import tick
from matinee.live.topics import accept_topics
from matinee.settings import Settings, load_settings
from matinee.sources.kafka.records import Topics
from matinee.sources.kafka.topics import topic_ids
from matinee.stack.broker import broker
from matinee.table.catalog import Lake
from matinee.table.registers import stamp

pytestmark = pytest.mark.spark
PLAYS = "raw.plays"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    with broker(load_settings(home=tmp_path / "broker", catalog="embedded")) as address:
        yield address


def send(settings: Settings, servers: str, *events: list[streams.Event]) -> None:
    with spark_session(settings) as spark:
        streams.produce(spark, servers, *events)


@pytest.mark.slow
def test_records_of_an_aborted_transaction_are_not_landed(settings: Settings, servers: str) -> None:
    lake = Lake.open(settings)
    send(settings, servers, [streams.impression(1)], [streams.play(1)])
    with kafka.clients() as jvm:
        for number, commit in ((2, True), (3, False), (4, True)):
            kafka.send_in_transaction(jvm, servers, "plays", [json.dumps(streams.play(number)), "oops"], commit=commit)
        done, _ = tick(settings, Topics(servers))
        assert (done.rows_landed, done.rows_quarantined) == (4, 2)
        kafka.send_in_transaction(jvm, servers, "plays", [json.dumps(streams.play(5))], commit=False)
        query = query_id(checkpoint_of(settings))
        assert tick(settings, Topics(servers)) == []
        kafka.send_in_transaction(jvm, servers, "plays", [json.dumps(streams.play(6))], commit=True)
        done, _ = tick(settings, Topics(servers))
    assert query_id(checkpoint_of(settings)) == query
    assert (done.rows_landed, done.rows_quarantined) == (1, 0)
    assert ids(lake, PLAYS, "play_id") == ["p1", "p2", "p4", "p6"]


@pytest.mark.slow
def test_records_that_an_older_catalog_does_not_have_are_landed_again(
    settings: Settings, servers: str, tmp_path: Path
) -> None:
    lake = Lake.open(settings)
    send(settings, servers, [streams.impression(1)], [streams.play(1)])
    tick(settings, Topics(servers))
    save_catalog(settings, tmp_path / "older")
    send(settings, servers, [streams.impression(2)], [streams.play(2)])
    tick(settings, Topics(servers))
    put_back(settings, tmp_path / "older")
    send(settings, servers, [streams.impression(3)], [streams.play(3)])
    tick(settings, Topics(servers))
    assert ids(lake, PLAYS, "play_id") == ["p1", "p2", "p3"]
    assert ids(lake, "raw.impressions", "event_id") == ["e1", "e2", "e3"]
    assert tick(settings, Topics(servers)) == []


def test_a_recreated_topic_stops_the_stream_until_it_is_accepted(settings: Settings, servers: str) -> None:
    lake = Lake.open(settings)
    send(settings, servers, [streams.impression(1)], [streams.play(1)])
    with spark_session(settings) as spark:
        streams.send(spark, servers, "plays", [("a1", "oops")])
    tick(settings, Topics(servers))
    with kafka.clients() as jvm:
        kafka.recreate(jvm, servers, "plays")
    # The new topic is longer by now than the old topic was.
    send(settings, servers, [], [streams.play(number) for number in range(10, 30)])
    with spark_session(settings) as spark:
        streams.send(spark, servers, "plays", [("a1", "oops again")])
    for _ in range(2):
        with pytest.raises(TopicChangedError, match=r"Topic plays is not the one .* accept-topics"):
            tick(settings, Topics(servers))
    assert ids(lake, PLAYS, "play_id") == ["p1"]
    assert accept_topics(lake, Topics(servers).records(lake)) == ["plays"]
    assert accept_topics(lake, Topics(servers).records(lake)) == []
    assert unfinished(lake) == []
    tick(settings, Topics(servers))
    assert ids(lake, PLAYS, "play_id") == sorted(["p1", *(f"p{number}" for number in range(10, 30))])
    assert len(ids(lake, QUARANTINE, "payload")) == 2
    assert ids(lake, "raw.impressions", "event_id") == ["e1"]
    assert unfinished(lake) == []


@pytest.mark.slow
def test_a_lake_without_a_topic_identity_goes_on_with_the_topic(settings: Settings, servers: str) -> None:
    lake = Lake.open(settings)
    send(settings, servers, [streams.impression(1)], [streams.play(1)])
    identities = topic_ids(servers, ["impressions", "plays", "others"])
    assert {name: uuid.UUID(identity).version for name, identity in identities.items()} == {
        "impressions": 4,
        "plays": 4,
    }
    landed = [(f"plays/{partition}", 0, json.dumps(streams.play(1)), stamp()) for partition in range(2)]
    with spark_session(settings) as spark:
        lines = spark.createDataFrame(landed, "file string, line long, payload string, landed_ts timestamp")
        land_batch(lake, lake.registry.get(PLAYS), lines, stamp())
    send(settings, servers, [], [streams.play(number) for number in range(2, 9)])
    tick(settings, Topics(servers))
    for dataset in ("raw.impressions", PLAYS):
        last = offsets.last_streamed(lake, dataset, dataset)
        assert last is not None
        assert last.topic_id == identities[dataset.removeprefix("raw.")]


def test_brokers_that_do_not_answer_are_an_error_that_passes() -> None:
    with pytest.raises(EngineFailedError, match=r"127.0.0.1:1: .*refused"):
        topic_ids("127.0.0.1:1", ["plays"])
