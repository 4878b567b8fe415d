"""Sessions: always a client of a Connect server: the named server, the stack's, or this process's own."""

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

from grpc import (
    Channel,
    RpcError,
    StatusCode,
    access_token_call_credentials,
    composite_channel_credentials,
    local_channel_credentials,
)
from pyspark.errors import PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql import SparkSession
from pyspark.sql.connect.client import DefaultChannelBuilder
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.session import SparkSession as ConnectSession

from matinee.engine.access import VARIABLE, kept_token
from matinee.engine.options import catalog_options
from matinee.engine.sail import sail_server
from matinee.engine.server import announced_remote, own_server, running_remote
from matinee.errors import EngineUnavailableError, MatineeError, TokenRefusedError
from matinee.foreign import translated
from matinee.settings import Settings

SESSION_OPTIONS = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true"}
# Plays and winners are small beside impressions: up to this size Spark hashes them in memory, so that joins neither
# sort nor shuffle the many and wide impressions; a transform needs no hint (deploy/decisions/002).
JOIN_OPTIONS = {
    "spark.sql.autoBroadcastJoinThreshold": "64m",
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64m",
}
_LOOPBACK = {"127.0.0.1", "::1", "[::1]", "localhost"}
_OURS = "matinee.errors."
_T = TypeVar("_T")
_First = TypeVar("_First")
_Second = TypeVar("_Second")


class _OwnedSession(ConnectSession):
    """A session that only its owner closes: pyspark 4.1 also closes it when it is collected.

    That close waits, under a lock of the class, for the threads that all sessions of the process share. A
    collection that begins in one of those threads waits for the thread that closes, which waits for it.
    """

    def __del__(self) -> None:
        """Do nothing: the owner has stopped the session."""


class _Channel(DefaultChannelBuilder):
    """A channel that shows the given token, or none, whatever the environment holds.

    Spark's own builder sends a token without TLS to the name `localhost` only. A name may lead to another address,
    where another user listens: this class sends the token to 127.0.0.1 itself.
    """

    def __init__(self, remote: str, token: str | None) -> None:
        super().__init__(remote)
        self._own_token = token

    @property
    def token(self) -> str | None:
        """The token that the server expects."""
        return self._own_token

    def toChannel(self) -> Channel:  # noqa: N802 - pyspark's name
        """Return the channel: on the loopback interface without TLS, else as Spark's own builder makes it."""
        if self.use_ssl or self._own_token is None or self.host not in {"127.0.0.1", "localhost"}:
            return super().toChannel()
        shown = access_token_call_credentials(self._own_token)
        credentials = composite_channel_credentials(local_channel_credentials(), shown)
        return self._secure_channel(f"127.0.0.1:{self._port}", credentials)


@contextmanager
def spark_session(settings: Settings) -> Iterator[SparkSession]:
    """Yield a session of Spark that knows this lake's catalog, and close what was opened for it.

    Raises:
        EngineUnavailableError: the Connect server does not answer, or went away.
        TokenRefusedError: the Connect server expects another token.
        EngineFailedError: Spark failed a job; the first line of its message is in the error.
        EngineRefusedError: Spark refuses a query, or the rows that it reads.
        EnvironmentNotReadyError: no Java or no jars for an engine of our own.
    """
    with ExitStack() as stack:
        if under_spark_submit():
            session, remote = SparkSession.builder.getOrCreate(), None
        else:
            running = running_remote(settings)
            remote = settings.spark_remote or running or stack.enter_context(own_server(settings))
            session = stack.enter_context(_connected(remote, _token(settings, remote)))
        with _explained(remote):
            for name, value in (catalog_options(settings) | SESSION_OPTIONS | JOIN_OPTIONS).items():
                session.conf.set(name, value)
            yield session


@contextmanager
def same_server(settings: Settings) -> Iterator[Settings]:
    """Yield settings whose sessions all use one Spark server for the length of a block; start it where none runs.

    Raises:
        EngineUnavailableError, EnvironmentNotReadyError: see `spark_session`.
    """
    with ExitStack() as stack:
        remote = settings.spark_remote or running_remote(settings)
        if remote is None and not under_spark_submit():
            remote = stack.enter_context(own_server(settings))
        yield settings.model_copy(update={"spark_remote": remote})


@contextmanager
def sail_session(settings: Settings) -> Iterator[SparkSession]:
    """Yield a session of Sail, which runs in this process; it knows no catalog, only files.

    Raises:
        EngineFailedError: Sail failed a job; the first line of its message is in the error.
        EngineRefusedError: Sail refuses a query, or the rows that it reads.
        EnvironmentNotReadyError: Sail is not installed.
    """
    next_step = "Raise MATINEE_SPARK_MEMORY if it is about memory, or unset MATINEE_ENGINE to use Spark."
    with sail_server(settings) as remote, _connected(remote, None) as session, _explained(None, next_step):
        for name, value in SESSION_OPTIONS.items():
            session.conf.set(name, value)
        yield session


def under_spark_submit() -> bool:
    """Whether this process is the driver that spark-submit started, so that the session is already made."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _token(settings: Settings, remote: str) -> str | None:
    """Return the token to show at an address, where another program may listen once this lake's engine has died."""
    announced = announced_remote(settings)
    if announced is None or _address(remote) != _address(announced):
        return os.environ.get(VARIABLE) or None
    if running_remote(settings) is None:
        raise EngineUnavailableError(
            "The engine of this lake is being started again.",
            next_step="Run again. If this stays, `matinee doctor` says why: `make down`, then `make up`.",
            facts={"spark_remote": remote},
        )
    return kept_token(settings)


@contextmanager
def _connected(remote: str, token: str | None) -> Iterator[SparkSession]:
    check_port(remote)
    # With this variable pyspark.sql.functions builds Connect columns; without it they need a JVM.
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    session = _OwnedSession(channel_to(remote, token))
    # The client's own policy waits about ten minutes for a server that is gone: a task must know within seconds.
    session.client.set_retry_policies([DefaultPolicy(max_retries=4, max_backoff=2000)])
    try:
        with _active(session):
            yield session  # type: ignore[misc]
    finally:
        # A server that is gone has nothing left to release, and the error that says so is already on its way.
        with suppress(PySparkException, RpcError):
            session.stop()


@contextmanager
def _active(session: SparkSession | ConnectSession) -> Iterator[None]:
    """Make a session the active one of this thread: a checkpoint's frame belongs to the thread's active session."""
    sessions = ConnectSession._active_session
    before, sessions.session = getattr(sessions, "session", None), session
    try:
        yield
    finally:
        sessions.session = before


def side_by_side(
    session: SparkSession, first: Callable[[], _First], second: Callable[[], _Second]
) -> tuple[_First, _Second]:
    """Run two functions that use one session, the second in a thread of its own; return both values.

    Both have ended when this returns or raises; where both fail, the error is that of `first`.
    """

    def run(work: Callable[[], _T]) -> _T:
        with _active(session):
            return work()

    with ThreadPoolExecutor(1) as threads:
        beside = threads.submit(run, second)
        return run(first), beside.result()


def channel_to(remote: str, token: str | None = None) -> DefaultChannelBuilder:
    """Return what opens the channel to `sc://host:port`: on this machine past every proxy of the environment."""
    builder = _Channel(remote, token)
    if builder.host in _LOOPBACK:
        builder.setChannelOption("grpc.enable_http_proxy", 0)
    return builder


def check_port(remote: str) -> None:
    """Check that something listens at `sc://host:port`.

    Raises:
        EngineUnavailableError: nothing listens there.
    """
    try:
        with socket.create_connection(_address(remote), timeout=3):
            pass
    except OSError as error:
        raise EngineUnavailableError(
            f"No Spark Connect server answers at {remote}.",
            next_step="Start the embedded stack with `make up`, or unset SPARK_REMOTE to use a local engine.",
            facts={"spark_remote": remote, "cause": error},
        ) from error


def _address(remote: str) -> tuple[str, int]:
    """Return the host and the port; a name of the loopback interface as its address."""
    parts = urlsplit(remote.split(";", maxsplit=1)[0])
    host = parts.hostname or "127.0.0.1"
    return "127.0.0.1" if host in _LOOPBACK else host, parts.port or 15002


@contextmanager
def _explained(remote: str | None, next_step: str | None = None) -> Iterator[None]:
    try:
        yield
    except (PySparkException, RpcError) as error:
        raise _explanation(error, remote, next_step) from error


def _explanation(error: PySparkException | RpcError, remote: str | None, next_step: str | None) -> MatineeError:
    if isinstance(error, SparkConnectGrpcException) and error.getGrpcStatusCode() == StatusCode.UNAUTHENTICATED:
        return TokenRefusedError(
            f"The Spark Connect server at {remote} expects another token.",
            next_step=f"Unset SPARK_REMOTE to use this lake's own engine, or set {VARIABLE} to that server's token.",
            facts={"spark_remote": remote},
        )
    if remote is not None:
        try:
            check_port(remote)
        except EngineUnavailableError as gone:
            return gone
    ours = translated(error)
    # Where a Python function failed beside the engine, Matinee's error says more than the engine's.
    lines = (line.strip() for line in str(error).splitlines())
    message = next((f"The engine failed: {line}" for line in lines if line.startswith(_OURS)), ours.message)
    step = next_step if next_step and ours.retryable else ours.next_step
    return type(ours)(message, next_step=step, facts={"message": str(error)[:4000]})
