"""Which brokers a cluster has, and which of them lead the partitions of topics (Metadata, version 10: Kafka 2.8)."""

import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from matinee.errors import EngineFailedError
from matinee.sources.kafka.wire import Answer, Connection, number, text

_METADATA, _VERSION = 3, 10
_NO_IDENTITY = uuid.UUID(int=0)


@dataclass(frozen=True)
class Topic:
    """A topic: its identity, and by partition the address of the broker that leads it."""

    identity: str
    leaders: Mapping[int, tuple[str, int]]


def metadata(servers: str, names: list[str]) -> dict[str, Topic]:
    """Return topics by name; those that do not exist are left out.

    Args:
        servers: `host:port` of brokers, separated by commas; the first one that answers is asked.
        names: of the topics.

    Raises:
        EngineFailedError: none of the servers answers as a broker.
    """
    causes = []
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with Connection(host, int(port)) as connection:
                return _topics(connection.ask(_METADATA, _VERSION, _request(names), compact=True))
        except (OSError, ValueError, struct.error) as error:
            causes.append(f"{server}: {error}")
    raise EngineFailedError(
        f"Kafka's brokers do not say which topics they have: {'; '.join(causes)}.",
        next_step="Do the brokers run, and do they speak Kafka's protocol of 2.8 or later without TLS?",
        facts={"servers": servers},
    )


def _request(names: list[str]) -> bytes:
    wanted = b"".join(bytes(16) + text(name) + b"\0" for name in names)
    # The request creates no topic, and does not ask for permissions.
    return number(len(names) + 1) + wanted + b"\0\0\0" + b"\0"


def _topics(answer: Answer) -> dict[str, Topic]:
    answer.int32()  # The throttle time.
    brokers = {}
    for _ in answer.items():
        node, host, port = answer.int32(), answer.text(), answer.int32()
        brokers[node] = host, port
        answer.text()
        answer.tags()
    answer.text()
    answer.int32()
    topics = {}
    for _ in answer.items():
        answer.int16()
        name, identity = answer.text(), uuid.UUID(bytes=answer.fixed(16))
        answer.int8()
        led = dict(_partition(answer) for _ in answer.items())
        answer.int32()
        answer.tags()
        if identity != _NO_IDENTITY:
            topics[name] = Topic(str(identity), {each: brokers[node] for each, node in led.items() if node in brokers})
    return topics


def _partition(answer: Answer) -> tuple[int, int]:
    answer.int16()
    partition, leader = answer.int32(), answer.int32()
    answer.int32()
    for _ in range(3):
        answer.fixed(4 * len(answer.items()))
    answer.tags()
    return partition, leader
