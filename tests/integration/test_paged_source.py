"""A source that no module knows, a paged HTTP API: a tick lands its pages, once each, and the live tables follow."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypedDict
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from pyspark.sql import SparkSession
from tenacity import RetryCallState, retry, retry_if_exception_type
from tests.support import streams
from tests.support.lakes import ids

from matinee.contracts.model import live_name
from matinee.landing.lander import land
from matinee.live.impressions import ATTRIBUTIONS
from matinee.live.register import Tick, record
from matinee.live.tick import tick
from matinee.settings import Settings
from matinee.sources.files.scan import Found
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease
from matinee.table.registers import stamp

pytestmark = pytest.mark.spark
PLAYS = "raw.plays"


class _Page(TypedDict):
    events: list[streams.Event]
    next_page_token: str | None


@dataclass(frozen=True)
class Api:
    """The adapter of the source; the package contains no part of it."""

    url: str

    def take(self, _: Settings, lease: Lease, __: SparkSession) -> None:
        pages = [Found(address, PLAYS, content=lines) for address, lines in self._pages()]
        new = [
            outcome.landing for outcome in land(lease.lake, PLAYS, pages, stamp()) if outcome.landing and outcome.is_new
        ]
        if new:
            good, bad = (sum(getattr(landing, name) for landing in new) for name in ("rows_landed", "rows_quarantined"))
            record(lease.lake, Tick("ran", rows_landed=good, rows_quarantined=bad))

    def _pages(self) -> Iterator[tuple[str, bytes]]:
        address, is_more = f"{self.url}/plays", True
        while is_more:
            page = _get(address)
            yield address, "".join(f"{json.dumps(event)}\n" for event in page["events"]).encode()
            address, is_more = f"{self.url}/plays?page_token={page['next_page_token']}", bool(page["next_page_token"])


def _asked(state: RetryCallState) -> float:
    """Return for how many seconds the API asks its callers to wait."""
    error = state.outcome.exception() if state.outcome else None
    return float(error.headers["Retry-After"]) if isinstance(error, HTTPError) else 0.0


@retry(retry=retry_if_exception_type(HTTPError), wait=_asked)
def _get(address: str) -> _Page:
    with urlopen(address) as answer:  # noqa: S310 - of this test's own server
        page: _Page = json.load(answer)
    return page


@dataclass
class Served:
    """The pages of the API: events by token, in order; every second call meets the rate limit."""

    pages: dict[str, list[streams.Event]]
    calls: int = 0
    refused: int = 0
    address: str = field(default="", compare=False)

    def answer(self, token: str) -> tuple[int, bytes]:
        self.calls += 1
        if self.calls % 2 == 0:
            self.refused += 1
            return 429, b""
        tokens = [*self.pages, None]
        following = tokens[tokens.index(token) + 1]
        return 200, json.dumps({"events": self.pages[token], "next_page_token": following}).encode()


@pytest.fixture
def served() -> Iterator[Served]:
    source = Served({"": [streams.play(1)], "second": [streams.play(2), {"play_id": "no play"}]})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = source.answer(self.path.partition("=")[2])
            self.send_response(status)
            self.send_header("Retry-After", "0.01")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        source.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield source
        server.shutdown()


def test_pages_of_an_api_are_landed_once_each_and_followed(settings: Settings, served: Served) -> None:
    """A page whose content has changed is landed as a file that was replaced; a rate limit only makes the tick wait."""
    lake, api = Lake.open(settings), Api(served.address)
    done, followed = tick(settings, api)
    assert (done.rows_landed, done.rows_quarantined, followed.rows_landed) == (2, 1, None)
    assert tick(settings, api) == []
    served.pages["second"] = [streams.play(2, device="tv"), streams.play(3)]
    served.pages["third"] = [streams.play(4)]
    done, _ = tick(settings, api)
    assert (done.rows_landed, done.rows_quarantined) == (3, 0)
    assert served.refused > 1
    assert ids(lake, PLAYS, "play_id") == ["p1", "p2", "p2", "p3", "p4"]
    assert ids(lake, live_name(ATTRIBUTIONS), "play_id") == ["p1", "p2", "p3", "p4"]
    [bad] = lake.table("raw.quarantine").scan().to_arrow().to_pylist()
    assert (bad["file"], bad["line"]) == (f"{served.address}/plays?page_token=second", 2)
