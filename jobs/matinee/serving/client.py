"""The clients of `KeyValue`, for programs that wait and for asyncio: rows come back as Python's values."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matinee.serving.channel import AsyncChannel, Channel, Connection, ReadVersion, version_of
from matinee.serving.keys import Key
from matinee.serving.messages import KEY_VALUE
from matinee.serving.translation import fields_of_message, key_message, key_values
from matinee.serving.values import Value


@dataclass(frozen=True)
class Row:
    """An entry: the values of its key and, by column, those of its value; None: there is no such key."""

    key: tuple[object, ...]
    values: Mapping[str, object] | None
    version: ReadVersion


@dataclass
class _Known:
    """What a client knows of datasets: the columns of the version that answered last."""

    described: dict[tuple[str, str], tuple[Key, Value]] = field(default_factory=dict)

    def keep(self, dataset: str, answer: Any) -> None:  # noqa: ANN401 - a message
        key = Key(tuple(column.name for column in answer.key), tuple(column.type for column in answer.key))
        self.described = {name: known for name, known in self.described.items() if name[0] != dataset}
        self.described[dataset, answer.version.version] = key, Value(dataset, fields_of_message(answer.value))

    def get(self, dataset: str, version: str) -> tuple[Key, Value] | None:
        return self.described.get((dataset, version))


class KeyValueClient(Channel):
    """A client that waits; any thread may use it."""

    def __init__(self, connection: Connection) -> None:
        """Open a channel; the first call connects."""
        super().__init__(connection)
        self._known = _Known()

    def get(self, dataset: str, *key: object) -> Row:
        """Return the entry of a key.

        Raises:
            ServiceUnavailableError: the service does not answer in time, or has no active version.
            ServiceRefusedError: it refuses the call.
            UsageError: a value is of a type that no key has.
        """
        answer = self._call(KEY_VALUE, "Get", dataset=dataset, key=key_message(key))
        value = answer.value if answer.HasField("value") else None
        return _row(key, value, answer, *self._columns(dataset, answer.version.version)[1:])

    def multi_get(self, dataset: str, keys: Sequence[Sequence[object]]) -> list[Row]:
        """Return the entries of keys, in their order, all of one version; errors are those of `get`."""
        answer = self._call(KEY_VALUE, "MultiGet", dataset=dataset, keys=list(map(key_message, keys)))
        _, value = self._columns(dataset, answer.version.version)
        return [
            _row(tuple(key), entry.value if entry.HasField("value") else None, answer, value)
            for key, entry in zip(keys, answer.entries, strict=True)
        ]

    def scan(self, dataset: str, *prefix: object, page: int = 0) -> Iterator[Row]:
        """Yield the entries whose keys begin with values, in the order of the keys; errors are those of `get`.

        All are of one version. Where another version becomes active meanwhile, the scan ends with ServiceRefusedError.
        """
        token, asked = "", key_message(prefix)
        while True:
            answer = self._call(KEY_VALUE, "Scan", dataset=dataset, prefix=asked, limit=page, page_token=token)
            key, value = self._columns(dataset, answer.version.version)
            for entry in answer.entries:
                yield _row(tuple(key_values(key, entry.key)), entry.value, answer, value)
            if not (token := answer.next_page_token):
                return

    def key_of(self, dataset: str) -> Key:
        """Return the columns of a dataset's key."""
        answer = self._call(KEY_VALUE, "Describe", dataset=dataset)
        self._known.keep(dataset, answer)
        return self._columns(dataset, answer.version.version)[0]

    def _columns(self, dataset: str, version: str) -> tuple[Key, Value]:
        while (known := self._known.get(dataset, version)) is None:
            self._known.keep(dataset, answer := self._call(KEY_VALUE, "Describe", dataset=dataset))
            version = answer.version.version
        return known


class AsyncKeyValueClient(AsyncChannel):
    """A client for asyncio; see `KeyValueClient`."""

    def __init__(self, connection: Connection) -> None:
        """Open a channel; the first call connects."""
        super().__init__(connection)
        self._known = _Known()

    async def get(self, dataset: str, *key: object) -> Row:
        """Return the entry of a key; see `KeyValueClient.get`."""
        answer = await self._call(KEY_VALUE, "Get", dataset=dataset, key=key_message(key))
        _, value = await self._columns(dataset, answer.version.version)
        return _row(key, answer.value if answer.HasField("value") else None, answer, value)

    async def multi_get(self, dataset: str, keys: Sequence[Sequence[object]]) -> list[Row]:
        """Return the entries of keys, in their order, all of one version; see `KeyValueClient.get`."""
        answer = await self._call(KEY_VALUE, "MultiGet", dataset=dataset, keys=list(map(key_message, keys)))
        _, value = await self._columns(dataset, answer.version.version)
        return [
            _row(tuple(key), entry.value if entry.HasField("value") else None, answer, value)
            for key, entry in zip(keys, answer.entries, strict=True)
        ]

    async def scan(self, dataset: str, *prefix: object, page: int = 0) -> AsyncIterator[Row]:
        """Yield the entries whose keys begin with values, in the order of the keys; see `KeyValueClient.scan`."""
        token, asked = "", key_message(prefix)
        while True:
            answer = await self._call(KEY_VALUE, "Scan", dataset=dataset, prefix=asked, limit=page, page_token=token)
            key, value = await self._columns(dataset, answer.version.version)
            for entry in answer.entries:
                yield _row(tuple(key_values(key, entry.key)), entry.value, answer, value)
            if not (token := answer.next_page_token):
                return

    async def _columns(self, dataset: str, version: str) -> tuple[Key, Value]:
        while (known := self._known.get(dataset, version)) is None:
            self._known.keep(dataset, answer := await self._call(KEY_VALUE, "Describe", dataset=dataset))
            version = answer.version.version
        return known


def _row(key: tuple[object, ...], value: Any, answer: Any, columns: Value) -> Row:  # noqa: ANN401 - messages
    values = None if value is None else columns.decode(value.value)
    return Row(key, values, version_of(answer.version))
