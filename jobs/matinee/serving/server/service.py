"""The server process: gRPC with health and reflection, within limits; it follows the pointers until it is stopped."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from matinee.errors import (
    EnvironmentNotReadyError,
    MatineeError,
    ServiceRefusedError,
    TooEarlyError,
    UsageError,
    VersionGoneError,
)
from matinee.foreign import translated
from matinee.private import private_folder
from matinee.serving.delta.following import Follower
from matinee.serving.impressions import BASE
from matinee.serving.messages import IMPRESSION_STORE, KEY_VALUE, methods
from matinee.serving.server.access import Bearer, credentials
from matinee.serving.server.impression_store import ImpressionStore
from matinee.serving.server.key_value import KeyValue
from matinee.serving.server.opened import Dataset, Datasets
from matinee.serving.server.reflected import Reflected
from matinee.serving.settings import ServingSettings, token_of
from matinee.serving.versions import Versions
from matinee.settings import Settings

log = logging.getLogger(__name__)
#: The status of a call that ends with one of Matinee's errors; of those that may pass UNAVAILABLE, of others INTERNAL.
_STATUS = {
    UsageError: grpc.StatusCode.INVALID_ARGUMENT,
    VersionGoneError: grpc.StatusCode.FAILED_PRECONDITION,
    TooEarlyError: grpc.StatusCode.FAILED_PRECONDITION,
    ServiceRefusedError: grpc.StatusCode.NOT_FOUND,
}
_SERVING, _NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
#: Streams of the health service need no thread of those that answer calls.
_HEALTH_THREADS = 2
Answer = Callable[[Any, float], Any]


@dataclass
class Service:
    """A running server; `address` is where it listens."""

    address: str
    datasets: Datasets
    _server: Any
    _health: Any
    _reflected: Reflected
    _settings: ServingSettings

    def follow(self) -> None:
        """Look at the pointers once: open and swap what they name, and tell health and reflection."""
        self.datasets.follow(self._tell)
        states = {name: dataset.opened is not None for name, dataset in self.datasets.by_name.items()}
        states |= dict.fromkeys(("", KEY_VALUE), all(states.values()))
        if BASE in states:
            states[IMPRESSION_STORE] = states[BASE]
        for name, is_serving in states.items():
            self._health.set(name, _SERVING if is_serving else _NOT_SERVING)

    def run(self, stopped: Event) -> None:
        """Follow the pointers until stopped."""
        while not stopped.wait(self._settings.poll_s):
            self.follow()

    def stop(self) -> None:
        """Take no more calls, let those that run end, and close what is open."""
        self._health.enter_graceful_shutdown()
        self._server.stop(self._settings.grace_s).wait()
        self.datasets.close()

    def _tell(self, dataset: Dataset) -> None:
        if dataset.opened is not None:
            self._reflected.tell(dataset.name, dataset.opened.manifest.plan.value)


@contextmanager
def serving(settings: Settings, serving_settings: ServingSettings, names: Sequence[str]) -> Iterator[Service]:
    """Serve datasets for the length of a block.

    Raises:
        EnvironmentNotReadyError: the port is taken, or a certificate cannot be read.
    """
    folder = private_folder(settings.home.absolute() / "serving")
    with tempfile.TemporaryDirectory(dir=folder, prefix="process-") as own:
        datasets = Datasets.of([Versions.of(settings, name) for name in names], Path(own))
        follower = _follower(settings, serving_settings, datasets)
        try:
            service = _started(settings, serving_settings, datasets, follower)
            try:
                yield service
            finally:
                service.stop()
        finally:
            if follower is not None:
                follower.stop()


def _follower(settings: Settings, limits: ServingSettings, datasets: Datasets) -> Follower | None:
    """Return what follows the topic of the newest events, begun; None where settings name no brokers."""
    base = datasets.by_name.get(BASE)
    if base is None or settings.stream.kafka is None:
        return None
    follower = Follower(base.versions, limits.delta_folder_of(settings), settings, limits.delta_lag_s)
    follower.start()
    return follower


def _started(settings: Settings, limits: ServingSettings, datasets: Datasets, follower: Follower | None) -> Service:
    token = token_of(settings, limits, make=True) or ""
    server = grpc.server(
        ThreadPoolExecutor(limits.threads, thread_name_prefix="answer"),
        interceptors=(Bearer(token),),
        maximum_concurrent_rpcs=limits.threads + limits.waiting,
        options=[
            ("grpc.max_receive_message_length", limits.message_kb * 1024),
            ("grpc.max_send_message_length", limits.message_kb * 1024),
            ("grpc.so_reuseport", 0),
        ],
    )
    answers = _answers(datasets, follower, limits)
    handlers = (_handlers(name, methods, limits.deadline_s) for name, methods in answers.items())
    server.add_generic_rpc_handlers(tuple(handlers))
    told = health.HealthServicer(
        experimental_non_blocking=True, experimental_thread_pool=ThreadPoolExecutor(_HEALTH_THREADS)
    )
    health_pb2_grpc.add_HealthServicer_to_server(told, server)
    reflected = Reflected([*answers, health.SERVICE_NAME, reflection.SERVICE_NAME])
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflected, server)
    service = Service(_listening(server, limits), datasets, server, told, reflected, limits)
    service.follow()
    server.start()
    return service


def _answers(datasets: Datasets, follower: Follower | None, limits: ServingSettings) -> dict[str, dict[str, Answer]]:
    """Return the methods of each service; that of impressions is there where their averages are served."""
    key_value, base = KeyValue(datasets, limits), datasets.by_name.get(BASE)
    answers: dict[str, dict[str, Answer]] = {
        KEY_VALUE: {
            "Get": key_value.get,
            "MultiGet": key_value.multi_get,
            "Scan": key_value.scan,
            "Describe": key_value.describe,
        }
    }
    if base is not None:
        store = ImpressionStore(base, follower, limits)
        answers[IMPRESSION_STORE] = {"GetProfile": store.get_profile, "GetTitles": store.get_titles}
    return answers


def _listening(server: Any, limits: ServingSettings) -> str:  # noqa: ANN401 - of grpc
    wanted, shown = f"{limits.host}:{limits.port}", credentials(limits)
    try:
        port = server.add_secure_port(wanted, shown) if shown else server.add_insecure_port(wanted)
    except RuntimeError as error:
        raise EnvironmentNotReadyError(
            f"The service cannot listen at {wanted}: {error}.",
            next_step="Choose another MATINEE_SERVING_PORT, or stop what listens there; check the certificate.",
            facts={"address": wanted},
        ) from error
    return f"{limits.host}:{port}"


def _handlers(service: str, answers: dict[str, Answer], most_s: float) -> Any:  # noqa: ANN401 - of grpc
    """Return the handlers of a service's methods; each ends a call in a status that names the next step."""
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(answers[name], most_s), request.FromString, answer.SerializeToString
        )
        for name, (request, answer) in methods(service).items()
    }
    return grpc.method_handlers_generic_handler(service, handlers)


def _answering(answer: Answer, most_s: float) -> Callable[[Any, Any], Any]:
    def call(request: Any, context: Any) -> Any:  # noqa: ANN401 - of grpc
        left = context.time_remaining()
        try:
            return answer(request, time.monotonic() + min(most_s, most_s if left is None else left))
        except Exception as error:
            ours = translated(error)
            status = _status(ours)
            if status is grpc.StatusCode.INTERNAL:
                log.error("A call ends INTERNAL", exc_info=error)
            context.abort(status, str(ours))

    return call


def _status(error: MatineeError) -> Any:  # noqa: ANN401 - of grpc
    known = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), None)
    return known or (grpc.StatusCode.UNAVAILABLE if error.retryable else grpc.StatusCode.INTERNAL)
