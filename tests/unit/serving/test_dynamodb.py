"""The store `dynamodb`: a service that takes a part of a call, or none for now, and limits of its keys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.support.stores import empty_store

from matinee.errors import UsageError
from matinee.serving.stores.dynamodb import DynamoDb
from matinee.serving.stores.protocol import Entry
from matinee.serving.stores.remote import Remote, RemoteDatabase

pytestmark = pytest.mark.aws
ENTRIES = [Entry(b"%04d" % number, b"value %d" % number) for number in range(300)]


@pytest.fixture
def endpoint(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, aws_endpoint: str) -> str:
    empty_store("dynamodb", request, monkeypatch)
    return aws_endpoint


def busy_handler(endpoint: str, told: list[str]) -> type[BaseHTTPRequestHandler]:
    """What throttles each first call of a batch, and does each second by half; it notes what it is asked for."""

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            act = self.headers["X-Amz-Target"].rpartition(".")[2]
            turn = sum(each == act for each in told) if act.startswith("Batch") else 2
            told.append(act)
            if turn == 0:
                return self.answer(400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}')
            left = None
            if turn == 1:
                body, left = halved(json.loads(body))
            names = ("X-Amz-Target", "X-Amz-Date", "Content-Type", "Authorization")
            moto = HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
            moto.request("POST", "/", body, {name: self.headers[name] for name in names})
            answer = moto.getresponse()
            content = answer.read()
            moto.close()
            if left is not None:
                name = "UnprocessedItems" if act == "BatchWriteItem" else "UnprocessedKeys"
                content = json.dumps(json.loads(content) | {name: left}).encode()
            return self.answer(answer.status, content)

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Busy


@contextmanager
def busy(endpoint: str) -> Iterator[tuple[str, list[str]]]:
    """moto's server behind a server that has too much to do."""
    told: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), busy_handler(endpoint, told))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def halved(asked: dict[str, dict[str, object]]) -> tuple[bytes, dict[str, object]]:
    """The first half of a batch, and the rest as the service tells it."""
    [(table, items)] = asked["RequestItems"].items()
    if isinstance(items, dict):
        half = len(items["Keys"]) // 2
        first, rest = items | {"Keys": items["Keys"][:half]}, items | {"Keys": items["Keys"][half:]}
    else:
        assert isinstance(items, list)
        first, rest = items[: len(items) // 2], items[len(items) // 2 :]
    return json.dumps(asked | {"RequestItems": {table: first}}).encode(), {table: rest}


def test_items_that_were_not_taken_are_sent_again(endpoint: str) -> None:
    with busy(endpoint) as (address, told):
        server = DynamoDb("us-east-1", address, "served", "a lake/dims.offers")
        shard = Remote(server).write("v", 0, iter(ENTRIES))
        values = RemoteDatabase(server, "v", (shard,)).get([entry.key for entry in ENTRIES])
    assert values == [entry.value for entry in ENTRIES]
    assert (told.count("BatchWriteItem"), told.count("BatchGetItem")) == (14, 5)


def test_parts_are_read_in_both_directions_and_dropped_whole(endpoint: str) -> None:
    server = DynamoDb("us-east-1", endpoint, "served", "a lake/dims.offers")
    shard = Remote(server).write("v", 0, iter(ENTRIES))
    assert [*server.scan("v", shard.file, b"0001", b"0250", down=True)] == ENTRIES[1:250][::-1]
    Remote(server).delete("v")
    assert (server.parts("v"), [*server.scan("v", shard.file, b"", None)]) == ({}, [])


def test_a_key_that_is_too_long_for_the_service_is_refused(endpoint: str) -> None:
    server = DynamoDb("us-east-1", endpoint, "served", "a lake/dims.offers")
    with pytest.raises(UsageError, match="A key has 1025 bytes, and DynamoDB takes 1024"):
        Remote(server).write("v", 0, [Entry(b"x" * 1025, b"")])
