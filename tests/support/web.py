"""HTTP servers of tests on the loopback interface: each records what it gets and answers as a test says."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """What a server got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What a server answers; it keeps the connection open in silence, or closes it without an answer."""

    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    is_silent: bool = False
    is_lost: bool = False


@dataclass
class Server:
    """A server that runs."""

    url: str
    requests: list[Request] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    server: "_Http"

    def do_POST(self) -> None:
        request = Request(self.path, dict(self.headers), self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.server.ours.requests.append(request)
        said = self.server.answer(request)
        if said.is_silent:
            self.server.ended.wait(10)
        if said.is_silent or said.is_lost:
            self.close_connection = True
            return
        self.send_response(said.status)
        for name, value in {"Content-Length": str(len(said.body.encode())), **said.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    ours: Server
    answer: Callable[[Request], Answer]
    ended: threading.Event

    def handle_error(self, *_: object) -> None:
        """Print nothing of handshakes that a client refuses."""


@contextmanager
def web_server(answer: Callable[[Request], Answer], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server for the length of a block."""
    http = _Http(("127.0.0.1", 0), _Handler)
    if tls:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    http.ours = Server(f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}")
    http.answer, http.ended = answer, threading.Event()
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield http.ours
    finally:
        http.ended.set()
        http.shutdown()
        http.server_close()
        thread.join()
