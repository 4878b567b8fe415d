"""Which topics are landed, and their identities: a topic that is created again keeps its name, and gets a new identity.

Spark's API over Connect reaches no admin client, and an identity takes one request: this module sends it by Kafka's
protocol (Metadata, version 10: Kafka 2.8 and later).
"""

import socket
import struct
import uuid
from collections.abc import Iterator
from io import BytesIO

from matinee.errors import EngineFailedError, UsageError
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import gone

TIMEOUT_S = 10.0
_METADATA, _VERSION = 3, 10
_NO_IDENTITY = uuid.UUID(int=0)


def topics(lake: Lake) -> dict[str, str]:
    """Return the datasets whose rows are records of a topic, by the topic; not those that were retired.

    Raises:
        UsageError: there are no such datasets.
    """
    retired = gone(lake)
    datasets = {
        contract.topic: contract.dataset
        for contract in lake.registry.all()
        if contract.topic and contract.dataset not in retired
    }
    if not datasets:
        raise UsageError(
            "No contract names a topic whose records are landed.",
            next_step="Name one in a contract of landed events: `source: {topic: NAME}`.",
        )
    return datasets


def topic_ids(servers: str, topics: list[str]) -> dict[str, str]:
    """Return the identity of each topic by its name; topics that do not exist are left out.

    Args:
        servers: `host:port` of brokers, separated by commas; the first one that answers is asked.
        topics: by name.

    Raises:
        EngineFailedError: none of the servers answers as a broker.
    """
    causes = []
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host, int(port)), TIMEOUT_S) as connection:
                connection.sendall(_request(topics))
                with connection.makefile("rb") as stream:
                    (size,) = struct.unpack(">i", stream.read(4))
                    return dict(_topics(_Answer(stream.read(size))))
        except (OSError, ValueError, struct.error) as error:
            causes.append(f"{server}: {error}")
    raise EngineFailedError(
        f"Kafka's brokers do not say which topics they have: {'; '.join(causes)}.",
        next_step="Do the brokers run, and do they speak Kafka's protocol of 2.8 or later without TLS?",
        facts={"servers": servers},
    )


def _request(topics: list[str]) -> bytes:
    wanted = b"".join(bytes(16) + _text(name) + b"\0" for name in topics)
    client = b"matinee"
    header = struct.pack(">hhih", _METADATA, _VERSION, 1, len(client)) + client + b"\0"
    # The request creates no topic, and does not ask for permissions.
    body = _number(len(topics) + 1) + wanted + b"\0\0\0" + b"\0"
    return struct.pack(">i", len(header + body)) + header + body


def _text(value: str) -> bytes:
    return _number(len(value.encode()) + 1) + value.encode()


def _number(value: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first."""
    return (bytes([value & 127 | 128]) + _number(value >> 7)) if value > 127 else bytes([value])


class _Answer:
    """The bytes of an answer, read field by field."""

    def __init__(self, content: bytes) -> None:
        self._left = BytesIO(content)

    def fixed(self, size: int) -> bytes:
        content = self._left.read(size)
        if len(content) != size:
            raise ValueError("the answer is cut off")
        return content

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.fixed(1)[0]
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    def text(self) -> str:
        return self.fixed(max(self.number() - 1, 0)).decode()

    def tags(self) -> None:
        for _ in range(self.number()):
            self.number()
            self.fixed(self.number())

    def items(self) -> range:
        return range(self.number() - 1)


def _topics(answer: _Answer) -> Iterator[tuple[str, str]]:
    answer.fixed(4)  # The number of the request.
    answer.tags()
    answer.fixed(4)  # The throttle time.
    for _ in answer.items():
        answer.fixed(4)
        answer.text()
        answer.fixed(4)
        answer.text()
        answer.tags()
    answer.text()
    answer.fixed(4)
    for _ in answer.items():
        answer.fixed(2)
        name, identity = answer.text(), uuid.UUID(bytes=answer.fixed(16))
        answer.fixed(1)
        for _ in answer.items():
            _pass_partition(answer)
        answer.fixed(4)
        answer.tags()
        if identity != _NO_IDENTITY:
            yield name, str(identity)


def _pass_partition(answer: _Answer) -> None:
    answer.fixed(14)
    for _ in range(3):
        answer.fixed(4 * len(answer.items()))
    answer.tags()
