"""Records of a topic without a JVM, committed ones alone: offsets (ListOffsets), and what follows them (Fetch).

No consumer group is used: who reads keeps the offsets with what was made of the records.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Self

from matinee.errors import EngineFailedError, RecordsGoneError
from matinee.sources.kafka.batches import Record, records
from matinee.sources.kafka.metadata import metadata
from matinee.sources.kafka.wire import Answer, Connection, array, name

_FETCH, _FETCH_VERSION, _LIST, _LIST_VERSION = 1, 4, 2, 2
_COMMITTED, _FROM_NOBODY = 1, -1
_EARLIEST, _LATEST = -2, -1
_OUT_OF_RANGE = 1
#: Bytes of an answer, and of a partition's part of it; a batch that is larger comes alone.
_BYTES, _PARTITION_BYTES = 2 << 20, 1 << 20


class Fetched(NamedTuple):
    """What came of a partition: its records, the next offset, and the offset at which the partition now ends."""

    partition: int
    records: list[Record]
    next: int
    end: int


class Partitions:
    """The partitions of a topic, read from their leaders; one thread may use it.

    Attributes:
        identity: of the topic.
    """

    def __init__(self, servers: str, topic: str) -> None:
        """Ask the brokers who leads the partitions.

        Raises:
            EngineFailedError: none answers, or there is no such topic.
        """
        known = metadata(servers, [topic]).get(topic)
        if known is None:
            raise EngineFailedError(
                f"The brokers {servers} have no topic {topic}.",
                next_step="The first record makes it; or name the right brokers.",
                facts={"servers": servers, "topic": topic},
            )
        self.identity, self._topic, self._leaders = known.identity, topic, known.leaders
        self._connections: dict[tuple[str, int], Connection] = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()

    def begins(self) -> dict[int, int]:
        """Return the offset of the first record of each partition that the topic still has."""
        return self._offsets(_EARLIEST)

    def ends(self) -> dict[int, int]:
        """Return the offset at which each partition ends, records of open transactions left out."""
        return self._offsets(_LATEST)

    def _offsets(self, which: int) -> dict[int, int]:
        """Return offsets of all partitions.

        Raises:
            EngineFailedError: a broker does not answer, or does not lead the partition any more.
        """
        offsets = {}
        for leader, partitions in self._by_leader():
            asked = array(struct.pack(">iq", partition, which) for partition in partitions)
            body = struct.pack(">ib", _FROM_NOBODY, _COMMITTED) + array([name(self._topic) + asked])
            answer = self._ask(leader, _LIST, _LIST_VERSION, body)
            answer.int32()
            for _ in answer.array():
                answer.name()
                for _ in answer.array():
                    partition = answer.int32()
                    self._check(answer.int16(), partition)
                    answer.int64()
                    offsets[partition] = answer.int64()
        return offsets

    def fetch(self, offsets: Mapping[int, int], wait_s: float) -> Iterator[Fetched]:
        """Yield what follows some offsets; where nothing does yet, brokers wait so long for a record.

        Raises:
            EngineFailedError: a broker does not answer, or does not lead the partition any more.
            RecordsGoneError: the topic does not have an offset any more, or not yet.
        """
        for leader, partitions in self._by_leader():
            asked = array(struct.pack(">iqi", each, offsets[each], _PARTITION_BYTES) for each in partitions)
            head = struct.pack(">iiiib", _FROM_NOBODY, int(wait_s * 1000), 1, _BYTES, _COMMITTED)
            answer = self._ask(leader, _FETCH, _FETCH_VERSION, head + array([name(self._topic) + asked]))
            answer.int32()
            for _ in answer.array():
                answer.name()
                for _ in answer.array():
                    partition = answer.int32()
                    self._check(answer.int16(), partition)
                    end, _ = answer.int64(), answer.int64()
                    aborted = [(answer.int64(), answer.int64()) for _ in answer.array()]
                    content = answer.fixed(max(answer.int32(), 0))
                    came, after = records(content, aborted, offsets[partition])
                    yield Fetched(partition, came, after, end)

    def _by_leader(self) -> Iterator[tuple[tuple[str, int], list[int]]]:
        led = defaultdict(list)
        for partition, leader in sorted(self._leaders.items()):
            led[leader].append(partition)
        yield from led.items()

    def _ask(self, leader: tuple[str, int], key: int, version: int, body: bytes) -> Answer:
        try:
            if leader not in self._connections:
                self._connections[leader] = Connection(*leader)
            return self._connections[leader].ask(key, version, body)
        except (OSError, ValueError) as error:
            raise EngineFailedError(
                f"Kafka's broker {leader[0]}:{leader[1]} does not answer: {error}.",
                next_step="Does the broker run? The service asks again.",
                facts={"topic": self._topic},
            ) from error

    def _check(self, code: int, partition: int) -> None:
        if code == _OUT_OF_RANGE:
            raise RecordsGoneError(
                f"Topic {self._topic} has no record at the offset that partition {partition} was read up to.",
                next_step="The topic dropped records before they were read, or is another topic of the same name.",
                facts={"topic": self._topic, "partition": partition},
            )
        if code:
            raise EngineFailedError(
                f"Kafka refuses partition {partition} of {self._topic}: error {code}.",
                next_step="The service asks again which broker leads the partition.",
                facts={"topic": self._topic, "partition": partition, "code": code},
            )
