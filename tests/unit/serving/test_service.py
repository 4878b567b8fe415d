"""The service: real gRPC on the loopback interface, over versions that were built and activated."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.lakes import D1, D2
from tests.support.served import OFFERS, offer, publish_offers, value, versions_of
from tests.support.service import LIMITS, activated, connection

from matinee.errors import ServiceRefusedError, ServiceUnavailableError
from matinee.serving.client import AsyncKeyValueClient, KeyValueClient
from matinee.serving.messages import KEY_VALUE
from matinee.serving.server.service import Service, serving
from matinee.table.catalog import Lake

STARTS = date(2026, 1, 1)


@pytest.fixture
def service(lake: Lake) -> Iterator[Service]:
    activated(lake)
    with serving(lake.settings, LIMITS, [OFFERS]) as service:
        yield service


@pytest.fixture
def client(lake: Lake, service: Service) -> Iterator[KeyValueClient]:
    with KeyValueClient(connection(lake, service)) as client:
        yield client


def test_a_row_is_what_was_published(client: KeyValueClient) -> None:
    row = client.get(OFFERS, "de", "t1", STARTS)
    assert row.values == value(offer("de", "t1"))
    assert (row.version.key, row.version.withdrawn) == (D1, "")
    assert row.version.vtts == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_key_that_is_not_there_has_no_values(client: KeyValueClient) -> None:
    assert client.get(OFFERS, "de", "t3", STARTS).values is None


def test_several_keys_come_in_the_order_of_the_request(client: KeyValueClient) -> None:
    keys = [("us", "t2", STARTS), ("de", "t0", STARTS), ("de", "t1", STARTS)]
    rows = client.multi_get(OFFERS, keys)
    assert [row.key for row in rows] == keys
    assert [row.values is None for row in rows] == [False, True, False]


def test_a_scan_reads_page_by_page_in_the_order_of_the_keys(client: KeyValueClient) -> None:
    keys = [(country, title, STARTS) for country in ("de", "fr", "us") for title in ("t1", "t2")]
    assert [row.key for row in client.scan(OFFERS, page=1)] == keys
    assert [row.key for row in client.scan(OFFERS)] == keys
    assert [row.key for row in client.scan(OFFERS, "fr")] == keys[2:4]
    assert list(client.scan(OFFERS, "nowhere")) == []


def test_asyncio_reads_the_same(lake: Lake, service: Service) -> None:
    async def read() -> list[object]:
        async with AsyncKeyValueClient(connection(lake, service)) as client:
            one_row = await client.get(OFFERS, "de", "t1", STARTS)
            [other] = await client.multi_get(OFFERS, [("us", "t2", STARTS)])
            return [one_row.values, other.values, [row.key[1] async for row in client.scan(OFFERS, "fr", page=1)]]

    assert asyncio.run(read()) == [value(offer("de", "t1")), value(offer("us", "t2")), ["t1", "t2"]]


def test_another_version_takes_its_place_between_two_calls(
    lake: Lake, service: Service, client: KeyValueClient
) -> None:
    pages = client.scan(OFFERS, page=1)
    next(pages)
    publish_offers(lake, [offer("de", "t1", D2, words=["old"])], D2)
    version = activated(lake)
    assert client.get(OFFERS, "us", "t1", STARTS).values is not None
    service.follow()
    row = client.get(OFFERS, "de", "t1", STARTS)
    assert (row.values or {})["words"] == ["old"]
    assert (row.version.version, row.version.key) == (version, D2)
    assert client.get(OFFERS, "us", "t1", STARTS).values is None
    with pytest.raises(ServiceRefusedError, match="The page token is of version"):
        next(pages)


def test_without_an_active_version_the_service_says_what_to_do(lake: Lake) -> None:
    with serving(lake.settings, LIMITS, [OFFERS]) as service:
        with KeyValueClient(connection(lake, service, timeout_s=2.0)) as client:
            with pytest.raises(ServiceUnavailableError, match="has no active version") as refused:
                client.get(OFFERS, "de", "t1", STARTS)
            assert "matinee kv build" in refused.value.next_step
        assert state(service, OFFERS) == health_pb2.HealthCheckResponse.NOT_SERVING
        activated(lake)
        service.follow()
        assert state(service, OFFERS) == state(service, KEY_VALUE) == health_pb2.HealthCheckResponse.SERVING


def state(service: Service, name: str) -> int:
    with grpc.insecure_channel(service.address) as channel:
        asked = health_pb2.HealthCheckRequest(service=name)
        return int(health_pb2_grpc.HealthStub(channel).Check(asked, timeout=5).status)


@pytest.mark.parametrize("token", ["", "another"])
def test_a_call_without_the_token_is_refused(lake: Lake, service: Service, token: str) -> None:
    with (
        KeyValueClient(connection(lake, service, token=token)) as client,
        pytest.raises(ServiceRefusedError, match="shows no bearer token, or another"),
    ):
        client.get(OFFERS, "de", "t1", STARTS)


def test_the_token_is_its_owners_alone(lake: Lake, service: Service) -> None:
    file = lake.settings.run_dir / "serving.token"
    assert file.stat().st_mode & 0o777 == 0o600


def test_wrong_calls_are_refused_with_the_next_step(client: KeyValueClient) -> None:
    for call, told in (
        (lambda: client.get("core.plays", "a"), "core.plays is not served here"),
        (lambda: client.get(OFFERS, "de"), "1 values are given for a key of 3 columns"),
        (lambda: client.get(OFFERS, "de", "t1", STARTS, 1), "4 values are given"),
        (lambda: client.get(OFFERS, "de", "t1", 1), "column starts is a date, and its part has number"),
        (lambda: client.get(OFFERS, "d" * 100, "t1", STARTS), "A key of"),
        (lambda: client.multi_get(OFFERS, [("de", "t1", STARTS)] * 4), "4 keys are asked for at once"),
        (lambda: list(client.scan(OFFERS, page=-1)), "A page of -1 entries"),
    ):
        with pytest.raises(ServiceRefusedError, match=told) as refused:
            call()
        assert refused.value.next_step


def test_a_version_that_cannot_be_opened_leaves_the_old_version(
    lake: Lake, service: Service, client: KeyValueClient
) -> None:
    publish_offers(lake, [offer("de", "t1", D2)], D2)
    version = activated(lake)
    [name] = [name for name in versions_of(lake).files.names(f"{version}/") if name.endswith(".sst")]
    file = Path(str(versions_of(lake).files.folder)) / name  # type: ignore[attr-defined]
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    service.follow()
    assert client.get(OFFERS, "us", "t1", STARTS).version.key == D1
    assert "is damaged" in str(service.datasets.by_name[OFFERS].problem)
    file.unlink()
    service.follow()  # Nothing is fetched again so soon: the problem is still the first.
    assert "is damaged" in str(service.datasets.by_name[OFFERS].problem)


def test_a_pointer_to_a_version_that_is_gone_is_told(lake: Lake) -> None:
    versions_of(lake).files.delete(activated(lake))
    with (
        serving(lake.settings, LIMITS, [OFFERS]) as service,
        KeyValueClient(connection(lake, service, timeout_s=2.0)) as client,
        pytest.raises(ServiceUnavailableError, match="the version is not whole") as refused,
    ):
        client.get(OFFERS, "de", "t1", STARTS)
    assert "matinee kv list" in refused.value.next_step
