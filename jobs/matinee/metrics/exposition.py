"""How Prometheus gets the metrics: a server on this machine, or a file for the node exporter's textfile collector."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile

from matinee.errors import EnvironmentNotReadyError, UsageError
from matinee.foreign import translating
from matinee.metrics.collector import Metrics

LOOPBACK = "127.0.0.1"


def write(metrics: Metrics, file: Path) -> None:
    """Write the metrics to a file, whole or not at all.

    Raises:
        MatineeError: the file cannot be written.
    """
    with translating(str(file)):
        write_to_textfile(str(file), _registry(metrics))


@contextmanager
def serving(metrics: Metrics, port: int) -> Iterator[str]:
    """Serve the metrics on the loopback interface for the length of a block, and yield the address.

    Raises:
        UsageError: there is no such port.
        EnvironmentNotReadyError: another process has the port.
    """
    try:
        server, thread = start_http_server(port, LOOPBACK, _registry(metrics))
    except OverflowError as error:
        raise UsageError(f"{port} is no port.", next_step="Give a --port from 0 to 65535.") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise EnvironmentNotReadyError(
            f"Another process listens on port {port}.", next_step="Give another --port.", facts={"port": port}
        ) from error
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _registry(metrics: Metrics) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(metrics)
    return registry
