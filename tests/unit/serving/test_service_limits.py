"""What the service withstands: strangers, too many calls, too large answers, an end in the middle of calls."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tests.support.served import OFFERS, offer, publish_offers, value
from tests.support.service import LIMITS, activated, connection
from tests.support.tls import Authority

from matinee.errors import MatineeError, ServiceUnavailableError, SettingsError
from matinee.serving.client import KeyValueClient
from matinee.serving.server.service import serving
from matinee.serving.settings import ServingSettings, token_of
from matinee.table.catalog import Lake

KEY = ("de", "t1", date(2026, 1, 1))


def limits(**other: Any) -> ServingSettings:  # noqa: ANN401 - any setting
    return LIMITS.model_copy(update=other)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def tls(authority: Authority) -> dict[str, Path]:
    """Settings of a server that asks clients for certificates of the authority."""
    server = authority.sign("server")
    return {"tls_certificate": server.certificate, "tls_key": server.key, "tls_client_ca": authority.file}


def test_who_shows_a_certificate_of_the_authority_is_answered(
    lake: Lake, authority: Authority, tls: dict[str, Path]
) -> None:
    activated(lake)
    shown = authority.sign("client")
    files = {"tls_ca": authority.file, "tls_certificate": shown.certificate, "tls_key": shown.key}
    with (
        serving(lake.settings, limits(**tls), [OFFERS]) as service,
        KeyValueClient(connection(lake, service, **files)) as client,
    ):
        assert client.get(OFFERS, *KEY).values == value(offer("de", "t1"))


@pytest.mark.parametrize("kind", ["none", "expired", "foreign", "no encryption"])
def test_who_shows_no_good_certificate_is_refused(
    lake: Lake, authority: Authority, tls: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    (tmp_path / "others").mkdir()
    foreign = Authority(tmp_path / "others", "theirs")
    shown = {"expired": authority.sign("old", timedelta(hours=-1)), "foreign": foreign.sign("client")}.get(kind)
    files = {"tls_ca": None if kind == "no encryption" else authority.file, "timeout_s": 2.0}
    if shown:
        files |= {"tls_certificate": shown.certificate, "tls_key": shown.key}
    with (
        serving(lake.settings, limits(**tls), [OFFERS]) as service,
        KeyValueClient(connection(lake, service, **files)) as client,
        pytest.raises(ServiceUnavailableError),
    ):
        client.get(OFFERS, *KEY)


def test_a_server_with_a_foreign_certificate_is_not_trusted(lake: Lake, tls: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    foreign = Authority(tmp_path / "others", "theirs")
    with (
        serving(lake.settings, limits(**tls | {"tls_client_ca": None}), [OFFERS]) as service,
        KeyValueClient(connection(lake, service, tls_ca=foreign.file, timeout_s=2.0)) as client,
        pytest.raises(ServiceUnavailableError),
    ):
        client.get(OFFERS, *KEY)


def test_beyond_the_loopback_interface_the_service_needs_a_certificate() -> None:
    with pytest.raises(SettingsError, match="MATINEE_SERVING_HOST is no loopback address"):
        ServingSettings(host="0.0.0.0")  # noqa: S104 - what is refused
    with pytest.raises(SettingsError, match="belong together"):
        ServingSettings(tls_certificate=Path("x"))


def test_calls_beyond_the_limit_are_refused_and_others_are_answered(lake: Lake) -> None:
    activated(lake)
    with ExitStack() as stack:
        service = stack.enter_context(serving(lake.settings, limits(threads=1, waiting=1), [OFFERS]))
        begun, go_on = threading.Event(), threading.Event()
        opened = service.datasets.by_name[OFFERS].opened
        assert opened is not None
        get = opened.database.get

        class Slow:
            def get(self, keys: list[bytes]) -> list[bytes | None]:
                begun.set()
                go_on.wait(20)
                return get(keys)

            def close(self) -> None:
                """Nothing was opened."""

        opened.database = Slow()  # type: ignore[assignment]
        clients = [stack.enter_context(KeyValueClient(connection(lake, service))) for _ in range(6)]

        def ask(client: KeyValueClient) -> str:
            try:
                client.get(OFFERS, *KEY)
            except MatineeError as error:
                return str(error.facts["status"])
            return "answered"

        with ThreadPoolExecutor(6) as threads:
            first = threads.submit(ask, clients[0])
            assert begun.wait(20)
            others = [threads.submit(ask, client) for client in clients[1:]]
            deadline = time.monotonic() + 10
            while sum(other.done() for other in others) < 4 and time.monotonic() < deadline:
                threading.Event().wait(0.05)
            go_on.set()
            told = [call.result() for call in (first, *others)]
        assert sorted(told) == [*["RESOURCE_EXHAUSTED"] * 4, *["answered"] * 2]


def test_a_page_ends_before_its_answer_is_too_large(lake: Lake) -> None:
    publish_offers(lake, [offer("de", f"t{number}", words=["x" * 20_000]) for number in range(20)], attempt="large")
    activated(lake)
    with (
        serving(lake.settings, limits(message_kb=64, page=1000), [OFFERS]) as service,
        KeyValueClient(connection(lake, service)) as client,
    ):
        assert len(list(client.scan(OFFERS))) == 20


def test_running_calls_are_answered_before_the_service_ends(lake: Lake) -> None:
    activated(lake)
    with ExitStack() as stack:
        service = stack.enter_context(serving(lake.settings, limits(grace_s=20), [OFFERS]))
        opened = service.datasets.by_name[OFFERS].opened
        assert opened is not None
        begun, get = threading.Event(), opened.database.get

        class Slow:
            def get(self, keys: list[bytes]) -> list[bytes | None]:
                begun.set()
                threading.Event().wait(0.5)
                return get(keys)

            def close(self) -> None:
                """Nothing was opened."""

        opened.database = Slow()  # type: ignore[assignment]
        client = stack.enter_context(KeyValueClient(connection(lake, service)))
        with ThreadPoolExecutor(1) as threads:
            client.key_of(OFFERS)
            call = threads.submit(client.get, OFFERS, *KEY)
            assert begun.wait(20)
            service.stop()
            assert call.result().values == value(offer("de", "t1"))


def test_reflection_knows_the_messages_of_values(lake: Lake) -> None:
    activated(lake)
    with serving(lake.settings, LIMITS, [OFFERS]) as service:
        token = token_of(lake.settings, LIMITS)

        class Shown(grpc.StreamStreamClientInterceptor):  # type: ignore[misc]
            def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:  # noqa: ANN401
                return continuation(details._replace(metadata=(("authorization", f"Bearer {token}"),)), requests)

        with grpc.insecure_channel(service.address) as channel:
            told = ProtoReflectionDescriptorDatabase(grpc.intercept_channel(channel, Shown()))
            assert "matinee.serving.v1.KeyValue" in told.get_services()
            file = told.FindFileContainingSymbol("matinee.served.dims.Offers")
            assert [field.name for field in file.message_type[0].field] == ["terms", "words", "changed_ts"]
