"""The service with the newest events of a real topic: base and delta together are what brute force yields."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from py4j.java_gateway import JVMView
from tests.support.averages import Shown, activate_version, averages, connection
from tests.support.kafka import clients, create, recreate, send
from tests.support.sent import Row, payload, sent

from matinee.days import start_of
from matinee.engine import processes
from matinee.engine.server import free_port
from matinee.retries import wait_until
from matinee.serving.activation import rollback
from matinee.serving.forgotten import note
from matinee.serving.impression_client import ImpressionClient, SeenTitles
from matinee.serving.impressions import BASE, KEY
from matinee.serving.server.service import serving
from matinee.serving.settings import ServingSettings
from matinee.serving.versions import Versions
from matinee.settings import Settings, load_settings
from matinee.stack.broker import NAME, start_broker
from matinee.table.registers import stamp

pytestmark = pytest.mark.slow
TOPIC = "impressions"
LIMITS = ServingSettings(port=0, poll_s=60, grace_s=1, delta_lag_s=60)
#: The topic's records are new, and so are the days of the versions.
NOW = stamp()
TODAY = NOW.date()
OLDER, NEWER = TODAY - timedelta(days=9), TODAY - timedelta(days=2)


def event(event_id: str, days: float, title: str = "t1", **values: object) -> Row:
    """An event so many days before now."""
    when = NOW - timedelta(days=days)
    return sent(event_id, title_id=title, **{"event_ts": when, "received_ts": when, **values})  # type: ignore[arg-type]


def base(shown: list[Shown], through: datetime) -> list[Shown]:
    return [each for each in shown if each.when < through]


HISTORY = [Shown("a", f"t{days % 3}", NOW - timedelta(days=days), "top") for days in (1, 4, 5, 8, 30, 300)]
NEWEST = [Shown("a", "t1", NOW - timedelta(days=0.001)), Shown("a", "t9", NOW - timedelta(days=0.002))]


@pytest.fixture(scope="module")
def jvm() -> Iterator[JVMView]:
    with clients() as jvm:
        yield jvm


@pytest.fixture
def lake(tmp_path: Path, jvm: JVMView) -> Iterator[Settings]:
    """A lake with two versions and a topic that has the events since the older one."""
    port = free_port()
    plain = load_settings(home=tmp_path / "home", catalog="embedded", spark_remote=None)
    settings = plain.model_copy(update={"stream": plain.stream.model_copy(update={"kafka": f"127.0.0.1:{port}"})})
    start_broker(settings, port)
    try:
        create(jvm, f"127.0.0.1:{port}", TOPIC)
        for as_of in (OLDER, NEWER):
            activate_version(settings, base(HISTORY, start_of(as_of + timedelta(days=1))), as_of)
        rows = [
            event(f"h{number}", (NOW - each.when) / timedelta(days=1), each.title)
            for number, each in enumerate(HISTORY)
        ]
        publish(settings, jvm, rows)
        yield settings
    finally:
        processes.stop_all(settings, [NAME])


def publish(settings: Settings, jvm: JVMView, rows: list[Row]) -> None:
    send(jvm, settings.stream.kafka or "", TOPIC, [payload(row) for row in rows])


def waited(client: ImpressionClient, is_there: Callable[[SeenTitles], bool]) -> SeenTitles:
    return wait_until(lambda: client.get_profile("a", summed=True), 30, 0.1, is_there)


def impressions(answer: SeenTitles) -> int:
    return sum(row.impressions for row in answer.rows)


def expect(answer: SeenTitles, shown: list[Shown]) -> None:
    """Compare an answer with brute force."""
    assert {row.title for row in answer.rows} == {each.title for each in shown}
    for row in answer.rows:
        own = [each for each in shown if each.title == row.title]
        assert (row.impressions, row.last_seen) == (len(own), max(each.when for each in own))
        assert row.averages == pytest.approx(averages(own, answer.at), rel=1e-9)


def test_answers_follow_the_topic_through_faults_and_rollbacks(lake: Settings, jvm: JVMView) -> None:
    with serving(lake, LIMITS, [BASE]) as service, ImpressionClient(connection(lake, service)) as client:
        answer = waited(client, lambda each: impressions(each) == 6 and not each.degraded)
        expect(answer, HISTORY)
        new = [event("n1", 0.001), event("n1", 0.001), event("n2", 0.002, "t9"), event("n3", -0.1), {"x": 1}]
        publish(lake, jvm, new)
        answer = waited(client, lambda each: impressions(each) == 8)
        expect(answer, [*HISTORY, *NEWEST])
        rollback(Versions.of(lake, BASE), "me")
        service.follow()
        again = client.get_profile("a", summed=True)
        assert (again.version.key, impressions(again)) == (OLDER, 8)
        expect(again, [*HISTORY, *NEWEST])
        processes.stop_all(lake, [NAME])
        degraded = waited(client, lambda each: bool(each.degraded))
        assert "Kafka" in degraded.degraded
        assert impressions(degraded) == 8
        start_broker(lake, int((lake.stream.kafka or "").rpartition(":")[2]))
        publish(lake, jvm, [event("n4", 0.0005)])
        assert not waited(client, lambda each: impressions(each) == 9).degraded
    with serving(lake, LIMITS, [BASE]) as service, ImpressionClient(connection(lake, service)) as client:
        assert impressions(waited(client, lambda each: not each.degraded)) == 9
        versions = Versions.of(lake, BASE)
        note(versions.files, KEY.encode(["a"]), stamp())
        versions.change(lambda pointer: pointer)
        assert impressions(waited(client, lambda each: impressions(each) == 2)) == 2  # Those of the version.
        recreate(jvm, lake.stream.kafka or "", TOPIC)
    with serving(lake, LIMITS, [BASE]) as service, ImpressionClient(connection(lake, service)) as client:
        assert impressions(waited(client, lambda each: "may be missing" in each.degraded)) == 2
        publish(lake, jvm, [event("n5", 0.0001)])
        assert "may be missing" in waited(client, lambda each: impressions(each) == 3).degraded


def test_without_brokers_answers_are_degraded_and_go_on(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", catalog="embedded", spark_remote=None)
    activate_version(settings, HISTORY, NEWER)
    with serving(settings, LIMITS, [BASE]) as service, ImpressionClient(connection(settings, service)) as client:
        answer = client.get_profile("a")
        assert (impressions(answer), answer.watermark) == (6, None)
        assert "names no brokers" in answer.degraded
