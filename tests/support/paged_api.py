"""An outside system that the package does not know: an HTTP API with pages, a rate limit, and pages that change.

`Api` is all that such a system takes to be a source.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypedDict
from urllib.error import HTTPError
from urllib.request import urlopen

from tenacity import RetryCallState, retry, retry_if_exception_type

from matinee.sources.found import Found
from matinee.table.leases.lease import Lease

Event = dict[str, object]


class Page(TypedDict):
    """A page as the API sends it."""

    events: list[Event]
    next_page_token: str | None


@dataclass(frozen=True)
class Api:
    """The source: its pages from the first one on, each a batch; a page is known by its bytes."""

    url: str
    dataset: str

    def poll(self, _: Lease) -> Iterator[list[Found]]:
        address, is_more = self.url, True
        while is_more:
            page = _get(address)
            lines = "".join(f"{json.dumps(event)}\n" for event in page["events"])
            yield [Found(address, self.dataset, content=lines.encode())]
            address, is_more = f"{self.url}?page_token={page['next_page_token']}", bool(page["next_page_token"])


def _asked(state: RetryCallState) -> float:
    """Return for how many seconds the API asks its callers to wait."""
    error = state.outcome.exception() if state.outcome else None
    return float(error.headers["Retry-After"]) if isinstance(error, HTTPError) else 0.0


@retry(retry=retry_if_exception_type(HTTPError), wait=_asked)
def _get(address: str) -> Page:
    with urlopen(address) as answer:  # noqa: S310 - of a test's own server
        page: Page = json.load(answer)
    return page


@dataclass
class Served:
    """The pages of the API: events by token, in order; every second call meets the rate limit."""

    pages: dict[str, list[Event]]
    calls: int = 0
    refused: int = 0
    address: str = field(default="", compare=False)

    def answer(self, token: str) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a call."""
        self.calls += 1
        if self.calls % 2 == 0:
            self.refused += 1
            return 429, b""
        tokens = [*self.pages, None]
        following = tokens[tokens.index(token) + 1]
        return 200, json.dumps({"events": self.pages[token], "next_page_token": following}).encode()


@contextmanager
def served(pages: dict[str, list[Event]]) -> Iterator[Served]:
    """Serve pages on this machine for a block."""
    source = Served(pages)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = source.answer(self.path.partition("=")[2])
            self.send_response(status)
            self.send_header("Retry-After", "0.001")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        source.address = f"http://127.0.0.1:{server.server_port}/plays"
        threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
        yield source
        server.shutdown()
