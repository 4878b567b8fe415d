"""What a profile has seen of titles, by real gRPC, from versions of moving averages alone."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.averages import END, HALF_LIVES, Shown, T, activate_version, averages, connection

from matinee.errors import ServiceRefusedError, ServiceUnavailableError
from matinee.serving.impression_client import AsyncImpressionClient, ImpressionClient
from matinee.serving.impressions import BASE
from matinee.serving.messages import IMPRESSION_STORE
from matinee.serving.server.service import Service, serving
from matinee.serving.settings import ServingSettings
from matinee.settings import Settings, load_settings

LIMITS = ServingSettings(port=0, poll_s=60, keys=3, page=4, key_bytes=64, grace_s=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = END + timedelta(days=2, hours=3)
SHOWN = [
    Shown("a", "t1", NOON, "top", 1, 500),
    Shown("a", "t1", NOON - timedelta(days=9), "bottom"),
    Shown("a", "t2", NOON - timedelta(days=1), "top"),
    Shown("a", "t3", NOON - timedelta(days=300), "middle"),
    Shown("ab", "t1", NOON),
]


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    """Settings of a lake whose averages of one day are active."""
    settings = load_settings(home=tmp_path / "home", catalog="embedded", spark_remote=None)
    activate_version(settings, SHOWN)
    return settings


@pytest.fixture
def service(lake: Settings) -> Iterator[Service]:
    with serving(lake, LIMITS, [BASE]) as service:
        yield service


@pytest.fixture
def client(lake: Settings, service: Service) -> Iterator[ImpressionClient]:
    with ImpressionClient(connection(lake, service)) as client:
        yield client


def of(profile: str, title: str, location: str = "") -> list[Shown]:
    return [each for each in SHOWN if each[:2] == (profile, title) and location in ("", each.location)]


def test_averages_are_faded_to_the_instant(client: ImpressionClient) -> None:
    answer = client.get_profile("a", AT)
    assert [(row.title, row.location) for row in answer.rows] == [
        ("t1", "bottom"), ("t1", "top"), ("t2", "top"), ("t3", "middle"),
    ]  # fmt: skip
    for row in answer.rows:
        assert row.averages == pytest.approx(averages(of("a", row.title, row.location), AT), rel=1e-12)
    assert answer.at == AT


def test_a_row_over_all_locations_is_their_sum(client: ImpressionClient) -> None:
    first = client.get_profile("a", AT, summed=True).rows[0]
    assert (first.title, first.location, first.impressions, first.last_seen) == ("t1", "", 2, NOON)
    assert (first.base_plays, first.base_watch_ms) == (1, 500)
    assert first.averages == pytest.approx(averages(of("a", "t1"), AT), rel=1e-12)


def test_locations_limit_the_rows(client: ImpressionClient) -> None:
    assert [row.title for row in client.get_profile("a", AT, locations=["top"]).rows] == ["t1", "t2"]


def test_an_answer_says_what_it_was_made_from(client: ImpressionClient) -> None:
    answer = client.get_titles("a", [], AT)
    assert (answer.version.key, answer.version.snapshot_id, answer.version.vtts) == (T, 7, END)
    assert (answer.version.withdrawn, answer.watermark) == ("", None)


def test_titles_come_in_the_order_of_the_request_with_zeros(client: ImpressionClient) -> None:
    rows = client.get_titles("a", ["t9", "t1", "t"], AT).rows
    assert [(row.title, row.impressions, row.last_seen) for row in rows] == [
        ("t9", 0, None),
        ("t1", 2, NOON),
        ("t", 0, None),
    ]
    assert rows[0].averages == dict.fromkeys(HALF_LIVES, 0.0)


@pytest.mark.parametrize(("profile", "is_known"), [("a", True), ("ab", True), ("b", False)])
def test_a_profile_is_known_or_not(client: ImpressionClient, profile: str, is_known: bool) -> None:
    assert client.get_titles(profile, ["t8"], AT).is_profile_known is is_known


@pytest.mark.parametrize("order", ["TITLE", "LAST_SEEN", "IMPRESSIONS", "EMA_1D", "EMA_365D"])
@pytest.mark.parametrize("summed", [False, True])
def test_pages_make_the_whole_in_order(client: ImpressionClient, order: str, summed: bool) -> None:
    whole, rows, token = client.get_profile("a", AT, order_by=order, summed=summed).rows, [], ""
    while True:
        page = client.get_profile("a", AT, limit=1, order_by=order, summed=summed, page_token=token)
        rows += page.rows
        if not (token := page.next_page):
            break
    assert tuple(rows) == whole
    if order != "TITLE":
        first = {"LAST_SEEN": "t1", "IMPRESSIONS": "t1", "EMA_1D": "t1", "EMA_365D": "t1"}[order]
        assert rows[0].title == first


def test_pages_are_of_one_version_and_one_instant(lake: Settings, service: Service, client: ImpressionClient) -> None:
    page = client.get_profile("a", limit=1)
    assert client.get_profile("a", limit=1, page_token=page.next_page).at == page.at
    with pytest.raises(ServiceRefusedError, match="page token is of another"):
        client.get_profile("a", limit=1, summed=True, page_token=page.next_page)
    activate_version(lake, SHOWN[:1], date(2026, 3, 8))
    service.follow()
    with pytest.raises(ServiceRefusedError, match="The page token is of version"):
        client.get_profile("a", limit=1, page_token=page.next_page)


def test_an_instant_before_the_averages_is_refused(client: ImpressionClient) -> None:
    assert client.get_titles("a", ["t1"], END).rows[0].impressions == 2
    for call in (client.get_profile, lambda profile, at: client.get_titles(profile, ["t1"], at)):
        with pytest.raises(ServiceRefusedError, match="is before 2026-03-02") as refused:
            call("a", END - timedelta(microseconds=1))
        assert refused.value.facts["status"] == "FAILED_PRECONDITION"


def test_wrong_calls_are_refused(client: ImpressionClient) -> None:
    for call, told in (
        (lambda: client.get_profile("a", AT, summed=True, locations=["top"]), "summed over all locations"),
        (lambda: client.get_profile("a", AT, limit=-1), "A page of -1 rows"),
        (lambda: client.get_profile("a" * 99, AT), "The id of the profile"),
        (lambda: client.get_titles("a", ["t1"] * 4, AT), "4 titles are asked for at once"),
    ):
        with pytest.raises(ServiceRefusedError, match=told):
            call()


def test_asyncio_reads_the_same(lake: Settings, service: Service, client: ImpressionClient) -> None:
    async def read() -> object:
        async with AsyncImpressionClient(connection(lake, service)) as other:
            return await other.get_profile("a", AT, summed=True), await other.get_titles("a", ["t2"], AT)

    assert asyncio.run(read()) == (client.get_profile("a", AT, summed=True), client.get_titles("a", ["t2"], AT))


def test_without_a_version_the_store_does_not_serve(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", catalog="embedded", spark_remote=None)
    with serving(settings, LIMITS, [BASE]) as service:
        with (
            ImpressionClient(connection(settings, service, timeout_s=1.0)) as client,
            pytest.raises(ServiceUnavailableError, match="has no active version"),
        ):
            client.get_profile("a")
        with grpc.insecure_channel(service.address) as channel:
            asked = health_pb2.HealthCheckRequest(service=IMPRESSION_STORE)
            state = health_pb2_grpc.HealthStub(channel).Check(asked, timeout=5).status
        assert state == health_pb2.HealthCheckResponse.NOT_SERVING
