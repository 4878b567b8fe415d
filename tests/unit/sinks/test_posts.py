"""A post is taken, is to be sent again, or is refused."""

import logging
import socket
from collections.abc import Callable

import pytest
from tests.support.certificates import Certificate
from tests.support.messages import connection
from tests.support.web import Answer, web_server

from matinee.sinks.endpoints import Endpoint, endpoint_of
from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError
from matinee.sinks.posts import posted, retry_after_s


def endpoint(url: str, **extra: object) -> Endpoint:
    return endpoint_of(connection(conn_type="http", host=url, extra=extra))


def post(url: str, **extra: object) -> int:
    return posted(endpoint(url, **extra), b"{}", {}, "Correct it.").status_code


@pytest.mark.parametrize("status", [200, 202, 204])
def test_an_answer_that_accepts_is_returned(status: int) -> None:
    with web_server(lambda _: Answer(status, body="")) as server:
        assert post(server.url) == status


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_some_answers_ask_for_another_try(status: int) -> None:
    with (
        web_server(lambda _: Answer(status, headers={"Retry-After": "7"})) as server,
        pytest.raises(ChannelUnavailableError, match=f"127.0.0.1 answers {status}") as raised,
    ):
        post(server.url)
    assert raised.value.facts["retry_after_s"] == 7
    assert raised.value.retryable


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 410, 413, 422])
def test_other_answers_refuse(status: int) -> None:
    with (
        web_server(lambda _: Answer(status, body="why", headers={"Location": "/other"})) as server,
        pytest.raises(ChannelRefusedError, match=f"refuses the message: {status}") as raised,
    ):
        post(server.url)
    assert len(server.requests) == 1
    assert (raised.value.next_step, raised.value.facts["answer"]) == ("Correct it.", "why")


def test_retry_after_may_be_a_date() -> None:
    date = {"Date": "Mon, 02 Mar 2026 03:00:00 GMT"}
    assert retry_after_s(date | {"retry-after": "Mon, 02 Mar 2026 03:01:30 GMT"}) == 90
    assert retry_after_s(date | {"Retry-After": "Mon, 02 Mar 2026 02:00:00 GMT"}) == 0
    assert retry_after_s({"Retry-After": "Mon, 02 Mar 2026 03:01:30 GMT"}) is None
    assert retry_after_s(date | {"Retry-After": "soon"}) is None
    assert retry_after_s(date) is None


SILENCES: dict[str, Callable[[], Answer]] = {
    "half open": lambda: Answer(is_silent=True),
    "closed": lambda: Answer(is_lost=True),
    "cut off": lambda: Answer(headers={"Content-Length": "100"}),
}


@pytest.mark.parametrize("kind", SILENCES)
def test_no_answer_asks_for_another_try(kind: str) -> None:
    with (
        web_server(lambda _: SILENCES[kind]()) as server,
        pytest.raises(ChannelUnavailableError, match=r"127\.0\.0\.1 does not answer: ") as raised,
    ):
        post(server.url)
    assert raised.value.facts["retry_after_s"] is None


def test_what_is_not_http_asks_for_another_try() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(ChannelUnavailableError, match="does not answer"),
    ):
        post(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.05)  # The system accepts, nobody reads.


def test_a_closed_port_asks_for_another_try() -> None:
    with pytest.raises(ChannelUnavailableError, match="does not answer"):
        post("http://127.0.0.1:1")


def test_a_certificate_is_verified(own_certificate: Certificate) -> None:
    with web_server(lambda _: Answer(), own_certificate.server) as server:
        with pytest.raises(ChannelRefusedError, match=r"The certificate of 127\.0\.0\.1 is not trusted: self-signed"):
            post(server.url)
        assert post(server.url, ca_file=str(own_certificate.file)) == 200


def test_this_machine_is_reached_past_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with web_server(lambda _: Answer()) as server:
        assert post(server.url) == 200


def test_no_log_has_the_path(caplog: pytest.LogCaptureFixture) -> None:
    with web_server(lambda _: Answer()) as server, caplog.at_level(logging.DEBUG):
        post(f"{server.url}/services/s3cr3t")
    assert "s3cr3t" not in caplog.text
