"""The client of the service, for programs that wait and for asyncio: rows come back as Python's values.

A call that finds no server, or a server without an active version, is repeated within its time: reading is safe. A
call that takes too long, or meets an overloaded server, is not.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import grpc

from matinee.errors import MatineeError, ServiceRefusedError, ServiceUnavailableError
from matinee.serving.keys import Key
from matinee.serving.messages import KEY_VALUE, methods
from matinee.serving.translation import fields_of_message, key_message, key_values
from matinee.serving.values import Value

_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": KEY_VALUE}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
_MAY_PASS = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
_NEXT = " Next: "


@dataclass(frozen=True)
class ReadVersion:
    """What an answer was read from: its newest day is `key`; `withdrawn` says why rows of it were withdrawn."""

    version: str
    snapshot_id: int
    key: date
    vtts: datetime | None
    withdrawn: str


@dataclass(frozen=True)
class Row:
    """An entry: the values of its key and, by column, those of its value; None: there is no such key."""

    key: tuple[object, ...]
    values: Mapping[str, object] | None
    version: ReadVersion


@dataclass(frozen=True)
class Connection:
    """How the service is reached.

    Attributes:
        target: host:port.
        token: the bearer token.
        timeout_s: seconds that a call may take, its repetitions included.
        tls_ca: PEM: who signs the service's certificate; without it, and without `tls`, nothing is encrypted.
        tls_certificate, tls_key: PEM: what this client shows.
        tls: whether the service shows a certificate that this machine trusts.
    """

    target: str
    token: str
    timeout_s: float = 5.0
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls: bool = False

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What each call carries."""
        return (("authorization", f"Bearer {self.token}"),)

    @property
    def options(self) -> list[tuple[str, object]]:
        """The options of the channel."""
        return [
            ("grpc.service_config", json.dumps(_RETRIES)),
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_receive_message_length", -1),
        ]

    def credentials(self) -> Any | None:  # noqa: ANN401 - of grpc
        """Return the credentials of the channel; None: nothing is encrypted."""
        if not (self.tls or self.tls_ca):
            return None
        files = (self.tls_ca, self.tls_key, self.tls_certificate)
        return grpc.ssl_channel_credentials(*(file.read_bytes() if file else None for file in files))


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


def _version(told: Any) -> ReadVersion:  # noqa: ANN401 - a message
    vtts = told.vtts.ToDatetime(tzinfo=UTC) if told.HasField("vtts") else None
    return ReadVersion(told.version, told.snapshot_id, date.fromisoformat(told.key), vtts, told.withdrawn)


def _error(error: Any) -> MatineeError:  # noqa: ANN401 - of grpc
    what, _, next_step = (error.details() or error.code().name).partition(_NEXT)
    facts = {"status": error.code().name}
    if error.code() in _MAY_PASS:
        wait = next_step or "Call again later; `matinee serve` starts a server."
        told = f"The service does not answer ({error.code().name}): {what}"
        return ServiceUnavailableError(told, next_step=wait, facts=facts)
    return ServiceRefusedError(what, next_step=next_step or "Correct the call.", facts=facts)


class KeyValueClient:
    """A client that waits; any thread may use it."""

    def __init__(self, connection: Connection) -> None:
        """Open a channel; the first call connects."""
        shown, at = connection.credentials(), (connection.target,)
        options = connection.options
        self._connection, self._known = connection, _Known()
        self._channel = grpc.secure_channel(*at, shown, options) if shown else grpc.insecure_channel(*at, options)

    def __enter__(self) -> "KeyValueClient":
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the channel."""
        self._channel.close()

    def get(self, dataset: str, *key: object) -> Row:
        """Return the entry of a key.

        Raises:
            ServiceUnavailableError: the service does not answer in time, or has no active version.
            ServiceRefusedError: it refuses the call.
            UsageError: a value is of a type that no key has.
        """
        answer = self._call("Get", dataset=dataset, key=key_message(key))
        value = answer.value if answer.HasField("value") else None
        return _row(key, value, answer, *self._columns(dataset, answer.version.version)[1:])

    def multi_get(self, dataset: str, keys: Sequence[Sequence[object]]) -> list[Row]:
        """Return the entries of keys, in their order, all of one version; errors are those of `get`."""
        answer = self._call("MultiGet", dataset=dataset, keys=list(map(key_message, keys)))
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
            answer = self._call("Scan", dataset=dataset, prefix=asked, limit=page, page_token=token)
            key, value = self._columns(dataset, answer.version.version)
            for entry in answer.entries:
                yield _row(tuple(key_values(key, entry.key)), entry.value, answer, value)
            if not (token := answer.next_page_token):
                return

    def key_of(self, dataset: str) -> Key:
        """Return the columns of a dataset's key."""
        answer = self._call("Describe", dataset=dataset)
        self._known.keep(dataset, answer)
        return self._columns(dataset, answer.version.version)[0]

    def _columns(self, dataset: str, version: str) -> tuple[Key, Value]:
        while (known := self._known.get(dataset, version)) is None:
            self._known.keep(dataset, answer := self._call("Describe", dataset=dataset))
            version = answer.version.version
        return known

    def _call(self, name: str, **request: Any) -> Any:  # noqa: ANN401 - messages
        asked, answer = methods(KEY_VALUE)[name]
        call = self._channel.unary_unary(f"/{KEY_VALUE}/{name}", asked.SerializeToString, answer.FromString)
        connection = self._connection
        try:
            return call(asked(**request), timeout=connection.timeout_s, metadata=connection.metadata)
        except grpc.RpcError as error:
            raise _error(error) from error


class AsyncKeyValueClient:
    """A client for asyncio; see `KeyValueClient`."""

    def __init__(self, connection: Connection) -> None:
        """Open a channel in the running event loop; the first call connects."""
        shown, at = connection.credentials(), (connection.target,)
        options = connection.options
        self._connection, self._known = connection, _Known()
        make = grpc.aio
        self._channel = make.secure_channel(*at, shown, options) if shown else make.insecure_channel(*at, options)

    async def __aenter__(self) -> "AsyncKeyValueClient":
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the channel."""
        await self._channel.close()

    async def get(self, dataset: str, *key: object) -> Row:
        """Return the entry of a key; see `KeyValueClient.get`."""
        answer = await self._call("Get", dataset=dataset, key=key_message(key))
        _, value = await self._columns(dataset, answer.version.version)
        return _row(key, answer.value if answer.HasField("value") else None, answer, value)

    async def multi_get(self, dataset: str, keys: Sequence[Sequence[object]]) -> list[Row]:
        """Return the entries of keys, in their order, all of one version; see `KeyValueClient.get`."""
        answer = await self._call("MultiGet", dataset=dataset, keys=list(map(key_message, keys)))
        _, value = await self._columns(dataset, answer.version.version)
        return [
            _row(tuple(key), entry.value if entry.HasField("value") else None, answer, value)
            for key, entry in zip(keys, answer.entries, strict=True)
        ]

    async def scan(self, dataset: str, *prefix: object, page: int = 0) -> AsyncIterator[Row]:
        """Yield the entries whose keys begin with values, in the order of the keys; see `KeyValueClient.scan`."""
        token, asked = "", key_message(prefix)
        while True:
            answer = await self._call("Scan", dataset=dataset, prefix=asked, limit=page, page_token=token)
            key, value = await self._columns(dataset, answer.version.version)
            for entry in answer.entries:
                yield _row(tuple(key_values(key, entry.key)), entry.value, answer, value)
            if not (token := answer.next_page_token):
                return

    async def _columns(self, dataset: str, version: str) -> tuple[Key, Value]:
        while (known := self._known.get(dataset, version)) is None:
            self._known.keep(dataset, answer := await self._call("Describe", dataset=dataset))
            version = answer.version.version
        return known

    async def _call(self, name: str, **request: Any) -> Any:  # noqa: ANN401 - messages
        asked, answer = methods(KEY_VALUE)[name]
        call = self._channel.unary_unary(f"/{KEY_VALUE}/{name}", asked.SerializeToString, answer.FromString)
        connection = self._connection
        try:
            return await call(asked(**request), timeout=connection.timeout_s, metadata=connection.metadata)
        except grpc.RpcError as error:
            raise _error(error) from error


def _row(key: tuple[object, ...], value: Any, answer: Any, columns: Value) -> Row:  # noqa: ANN401 - messages
    values = None if value is None else columns.decode(value.value)
    return Row(key, values, _version(answer.version))
