"""The channel of a client to the service: how the service is reached, what is repeated, and errors as Matinee's.

A call that finds no server, or a server without an active version, is repeated within its time: reading is safe. A
call that takes too long, or meets an overloaded server, is not.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

import grpc

from matinee.errors import MatineeError, ServiceRefusedError, ServiceUnavailableError
from matinee.serving.messages import IMPRESSION_STORE, KEY_VALUE, methods

_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": KEY_VALUE}, {"service": IMPRESSION_STORE}],
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


def version_of(told: Any) -> ReadVersion:  # noqa: ANN401 - a message
    """Return what a message of the service says of the version that was read."""
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


class Channel:
    """A client that waits; any thread may use it."""

    def __init__(self, connection: Connection) -> None:
        """Open a channel; the first call connects."""
        shown, at = connection.credentials(), (connection.target,)
        options = connection.options
        self._connection = connection
        self._channel = grpc.secure_channel(*at, shown, options) if shown else grpc.insecure_channel(*at, options)

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the channel."""
        self._channel.close()

    def _call(self, service: str, name: str, **request: Any) -> Any:  # noqa: ANN401 - messages
        asked, answer = methods(service)[name]
        call = self._channel.unary_unary(f"/{service}/{name}", asked.SerializeToString, answer.FromString)
        connection = self._connection
        try:
            return call(asked(**request), timeout=connection.timeout_s, metadata=connection.metadata)
        except grpc.RpcError as error:
            raise _error(error) from error


class AsyncChannel:
    """A client for asyncio."""

    def __init__(self, connection: Connection) -> None:
        """Open a channel; the first call connects."""
        shown, at = connection.credentials(), (connection.target,)
        options = connection.options
        self._connection, make = connection, grpc.aio
        self._channel = make.secure_channel(*at, shown, options) if shown else make.insecure_channel(*at, options)

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the channel."""
        await self._channel.close()

    async def _call(self, service: str, name: str, **request: Any) -> Any:  # noqa: ANN401 - messages
        asked, answer = methods(service)[name]
        call = self._channel.unary_unary(f"/{service}/{name}", asked.SerializeToString, answer.FromString)
        connection = self._connection
        try:
            return await call(asked(**request), timeout=connection.timeout_s, metadata=connection.metadata)
        except grpc.RpcError as error:
            raise _error(error) from error
