"""The stream on a real broker: records become live rows as the daily path derives them, whatever happens in between."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import streams
from tests.support.lakes import ids

from matinee.contracts.model import live_name
from matinee.engine import processes
from matinee.engine.session import spark_session
from matinee.errors import CommitConflictError, LeaseHeldError, StreamPausedError, TopicChangedError
from matinee.live.impressions import LIVE, OUTCOMES
from matinee.live.lease import LEASE
from matinee.live.progress import progress
from matinee.live.register import TICKS, Tick, paused, record, ticks
from matinee.live.tick import tick
from matinee.settings import Settings, load_settings
from matinee.sources.kafka.records import Topics
from matinee.stack.broker import NAME, broker, start_broker
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.leases.lease import hold, newest_number

pytestmark = [pytest.mark.spark, pytest.mark.sail]
IMPRESSIONS, PLAYS = "raw.impressions", "raw.plays"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    with broker(load_settings(home=tmp_path / "broker", catalog="embedded")) as address:
        yield address


def send(settings: Settings, servers: str, *events: list[streams.Event]) -> None:
    with spark_session(settings) as spark:
        streams.produce(spark, servers, *events)


def test_records_become_the_live_rows_that_the_batch_derives(settings: Settings, servers: str, tmp_path: Path) -> None:
    """Repeats, a poisoned record, a lost checkpoint, a broker that was restarted, an event that is a day late."""
    lake = Lake.open(settings)
    send(settings, servers, [streams.impression(n) for n in range(4)], [streams.play(n) for n in range(3)])
    assert [ticked.rows_landed for ticked in tick(settings, Topics(servers))] == [7, None]
    shutil.rmtree(settings.home / "stream")
    home = load_settings(home=tmp_path / "broker", catalog="embedded")
    processes.stop_all(home, [NAME])
    start_broker(home, int(servers.rpartition(":")[2]))
    with spark_session(settings) as spark:
        streams.send(spark, servers, "plays", [("a1", "poison")])
        streams.produce(spark, servers, [streams.impression(1)], [streams.play(1, device="another")])
        streams.produce(spark, servers, *streams.END)
        streams.produce(spark, servers, [streams.impression(7, received_ts="2026-03-02T13:00:00Z")])
    done, followed = tick(settings, Topics(servers))
    assert (done.rows_landed, done.rows_quarantined, paused(lake)) == (5, 1, None)
    assert (followed.lag_s or 0) > (done.lag_s or 0) > 0
    assert [*done.seconds, *followed.seconds] == ["land", "live"]
    assert ids(lake, PLAYS, "play_id") == ["p0", "p1", "p1", "p2", "p9001"]
    streams.assert_stream_is_batch(settings)


@pytest.mark.slow
def test_a_source_that_is_silent_holds_the_labels(settings: Settings, servers: str) -> None:
    send(settings, servers, [streams.impression(1, received_ts="2026-03-01T12:05:00Z")], [streams.play(1)])
    tick(settings, Topics(servers))
    lake = Lake.open(settings)
    before = progress(lake, OUTCOMES).as_of
    send(settings, servers, streams.END[0])
    tick(settings, Topics(servers))
    assert progress(lake, OUTCOMES).as_of == before
    live = {row["event_id"]: row["label"] for row in lake.table(live_name(OUTCOMES)).scan().to_arrow().to_pylist()}
    assert live == {"e1": "positive", "e9001": "pending"}


@pytest.mark.slow
def test_topics_of_other_brokers_are_refused(settings: Settings, servers: str, tmp_path: Path) -> None:
    send(settings, servers, [streams.impression(n) for n in range(3)], [streams.play(1)])
    tick(settings, Topics(servers))
    tick(settings, Topics(servers))
    shutil.rmtree(settings.home / "stream")
    with broker(load_settings(home=tmp_path / "other", catalog="embedded")) as others:
        send(settings, others, [streams.impression(9)], [streams.play(1)])
        with pytest.raises(
            TopicChangedError, match=r"Topic impressions is not the one whose records raw.impressions has"
        ):
            tick(settings, Topics(others))


@pytest.mark.slow
def test_a_batch_against_its_contract_pauses_the_stream(settings: Settings, servers: str) -> None:
    lake = Lake.open(settings)
    send(settings, servers, [streams.impression(1)], [streams.play(1)])
    tick(settings, Topics(servers))
    broken = [streams.impression(n, position="first") for n in range(10, 50)]
    send(settings, servers, [*broken, streams.impression(2)], [streams.play(2)])
    with pytest.raises(StreamPausedError, match="schema: 40 of 41 records are quarantined, most of them as wrong_type"):
        tick(settings, Topics(servers))
    assert ids(lake, live_name(OUTCOMES), "event_id") == ["e1"]
    with pytest.raises(StreamPausedError, match="is paused since"):
        tick(settings, Topics(servers))
    record(lake, Tick("resumed", reason="the release was withdrawn"))
    send(settings, servers, [streams.impression(3)], [streams.play(3)])
    tick(settings, Topics(servers))
    assert ids(lake, live_name(OUTCOMES), "event_id") == ["e1", "e2", "e3"]
    states = [ticked.state for ticked in ticks(lake)]
    assert (states[:5], set(states[5:])) == (["ran", "ran", "ran", "paused", "resumed"], {"ran"})


def test_of_two_ticks_one_leaves_and_a_dead_one_is_taken_over(settings: Settings, tmp_path: Path) -> None:
    from matinee.live.tick import Folder

    lake, folder = Lake.open(settings), Folder(tmp_path / "landing")
    streams.drop_files(folder.path, "1", [streams.impression(1)])
    with hold(lake, TICKS, LEASE, "another/1/0.0"), pytest.raises(LeaseHeldError, match="held by another/1"):
        tick(settings, folder)
    gone = f"{socket.gethostname()}/{os.getpid()}/1.00"  # A process of this number, but an older one.
    with hold(lake, TICKS, LEASE, gone):
        tick(settings, folder)
    assert ids(lake, live_name(OUTCOMES), "event_id") == ["e1"]
    # The live tables' commits carry the number of the lease that they were made under: the third one.
    assert {newest_number(lake.table(live_name(dataset))) for dataset in LIVE} == {3}


@pytest.mark.slow
def test_landed_rows_are_reported_though_the_next_step_fails(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matinee.live.tick import Folder

    lake, folder = Lake.open(settings), Folder(tmp_path / "landing")
    streams.drop_files(folder.path, "1", [streams.impression(1)])

    def fail(lake: Lake, session: object, lease: object) -> int:
        if lake.exists(IMPRESSIONS) and refs.head(lake.table(IMPRESSIONS)):
            raise CommitConflictError("Others were first.", next_step="Again.", facts={})
        return 0

    with monkeypatch.context() as patch:
        patch.setattr("matinee.live.tick.update_live", fail)
        with pytest.raises(CommitConflictError):
            tick(settings, folder)
    assert [ticked.rows_landed for ticked in ticks(lake)] == [1]
    tick(settings, folder)
    assert ids(lake, live_name(OUTCOMES), "event_id") == ["e1"]
