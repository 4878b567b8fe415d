"""The store `redis`: the values of each part in a hash, its keys in a sorted set, which keeps them in their order."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from matinee.errors import EnvironmentNotReadyError, SettingsError, StoreUnavailableError
from matinee.serving.model import Shard, from_json, to_json
from matinee.serving.stores.protocol import Entry
from matinee.serving.stores.remote import AT_ONCE
from matinee.sinks.connections import Connection
from matinee.sinks.secrets_backends import read_connection

if TYPE_CHECKING:
    from redis import Redis as Client

#: Seconds that an answer may take.
TIMEOUT_S = 30.0
#: Kinds of connections; what their extra may say besides, as for Airflow's own hook.
_KINDS = frozenset({"redis"})
_TLS = ("ssl", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")


@dataclass(frozen=True)
class Redis:
    """A Redis server, named by an address or a connection; `space` begins all names of the dataset's versions.

    `<space>/<version>` is a hash of the parts with their descriptions.
    """

    address: str | None
    connection: str | None
    space: str

    def parts(self, version: str) -> Mapping[str, Shard | None]:
        with _translating():
            told = self._client.hgetall(self._version(version))
        return {part.decode(): _shard(content) for part, content in told.items()}

    def describe(self, version: str, part: str, shard: Shard | None) -> None:
        with _translating():
            self._client.hset(self._version(version), part, to_json(shard) if shard else b"")

    def put(self, version: str, part: str, entries: Sequence[Entry]) -> None:
        values, order = self._names(version, part)
        with _translating(), self._client.pipeline(transaction=False) as calls:
            calls.hset(values, mapping=dict(entries))
            calls.zadd(order, dict.fromkeys((entry.key for entry in entries), 0))
            calls.execute()

    def get(self, version: str, part: str, keys: Sequence[bytes]) -> list[bytes | None]:
        with _translating():
            return list(self._client.hmget(self._names(version, part)[0], list(keys)))

    def scan(self, version: str, part: str, start: bytes, end: bytes | None, *, down: bool = False) -> Iterator[Entry]:
        values, order = self._names(version, part)
        least, most = b"[" + start, b"+" if end is None else b"(" + end
        while True:
            with _translating():
                if down:
                    keys = self._client.zrevrangebylex(order, most, least, 0, AT_ONCE)
                else:
                    keys = self._client.zrangebylex(order, least, most, 0, AT_ONCE)
                contents = self._client.hmget(values, keys) if keys else ()
            yield from (Entry(key, value) for key, value in zip(keys, contents, strict=True) if value is not None)
            if len(keys) < AT_ONCE:
                return
            least, most = (least, b"(" + keys[-1]) if down else (b"(" + keys[-1], most)

    def is_whole(self, version: str, part: str) -> bool:
        values, order = self._names(version, part)
        with _translating(), self._client.pipeline() as calls:
            calls.hget(self._version(version), part).hlen(values).zcard(order)
            content, kept, ordered = calls.execute()
        shard = _shard(content or b"")
        return shard is not None and shard.keys == kept == ordered

    def remove(self, version: str, shard: Shard, keys: Sequence[bytes]) -> None:
        values, order = self._names(version, shard.file)
        with _translating(), self._client.pipeline() as calls:
            calls.hdel(values, *keys)
            calls.zrem(order, *keys)
            calls.hset(self._version(version), shard.file, to_json(shard))
            calls.execute()

    def drop(self, version: str, part: str) -> None:
        with _translating():
            self._client.unlink(*self._names(version, part))
            self._client.hdel(self._version(version), part)

    @property
    def _client(self) -> "Client":
        return _client(self.address, self.connection)

    def _version(self, version: str) -> str:
        return f"{self.space}/{version}"

    def _names(self, version: str, part: str) -> tuple[str, str]:
        """Return the names of the values and of the keys of a part; braces keep them on one node of a cluster."""
        return f"{{{self.space}/{version}/{part}}}/values", f"{{{self.space}/{version}/{part}}}/keys"


def eviction(address: str | None, connection: str | None) -> str:
    """Return what the server does when its memory is full: all but `noeviction` loses entries.

    Raises:
        StoreUnavailableError: the server does not answer.
        SettingsError: the server refuses user or password, or nothing names it.
    """
    with _translating():
        told: dict[str, Any] = _client(address, connection).info("memory")
    return str(told.get("maxmemory_policy", "noeviction"))


def _shard(content: bytes) -> Shard | None:
    return from_json(Shard, content, "the description of a part in Redis") if content else None


@cache
def _client(address: str | None, connection: str | None) -> "Client":
    """Return the client of this process; threads share it."""
    try:
        import redis.backoff
        import redis.retry
    except ImportError as error:
        raise EnvironmentNotReadyError(
            "The store redis needs the package redis.", next_step="Install Matinee with the extra `serving`."
        ) from error
    limits: dict[str, Any] = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    limits["retry"] = redis.retry.Retry(redis.backoff.ExponentialBackoff(cap=1.0, base=0.05), retries=4)
    if connection:
        return redis.Redis(**_options(read_connection(connection, os.environ)), **limits)
    if address:
        return redis.Redis.from_url(address, **limits)
    raise SettingsError(
        "Nothing says where Redis is.", next_step="Set MATINEE_SERVING_REDIS or MATINEE_SERVING_REDIS_CONNECTION."
    )


def _options(connection: Connection) -> dict[str, Any]:
    connection.must_be(_KINDS)
    stated = {name: connection.extra[name] for name in _TLS if name in connection.extra}
    return {
        "host": connection.host or "127.0.0.1",
        "port": connection.port or 6379,
        "username": connection.login or None,
        "password": connection.password or None,
        "db": int(connection.extra.get("db") or connection.schema or 0),
        **stated,
    }


@contextmanager
def _translating() -> Iterator[None]:
    """Turn errors of Redis into Matinee's.

    Raises:
        SettingsError: the server refuses the user or the password, or the user may not make the call.
        StoreUnavailableError: anything else.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("redis."):
            raise
        if type(error).__name__ in {"AuthenticationError", "AuthorizationError", "NoPermissionError"}:
            raise SettingsError(
                f"Redis refuses the call: {error}.",
                next_step="Check the user, the password and the rights of MATINEE_SERVING_REDIS_CONNECTION.",
            ) from error
        raise StoreUnavailableError(
            f"Redis does not answer, or takes no more calls: {error}.",
            next_step="Check that it runs and has memory left (`redis-cli info memory`), then run again.",
            facts={"cause": type(error).__name__},
        ) from error
