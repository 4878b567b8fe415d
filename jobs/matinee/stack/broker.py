"""A Kafka broker of one node on the loopback interface, for tests and the demonstration of the stream."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matinee.engine import processes
from matinee.engine.java import check_java, java_command, java_environment
from matinee.engine.server import free_port, listens
from matinee.errors import EngineUnavailableError, EnvironmentNotReadyError
from matinee.private import private_folder
from matinee.retries import wait_until
from matinee.settings import CHECKOUT, Settings

NAME = "kafka"
#: Where `make kafka` puts the jars of deploy/kafka.txt.
JARS = CHECKOUT / ".kafka"
_MEMORY = "-Xmx512m"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
num.partitions=2
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""
_LOG4J = """\
Configuration:
  Appenders: {Console: {name: out, PatternLayout: {pattern: "%d %p %c %m%n"}}}
  Loggers: {Root: {level: WARN, AppenderRef: [{ref: out}]}}
"""


@contextmanager
def broker(settings: Settings, port: int | None = None) -> Iterator[str]:
    """Run a broker for the length of a block; yield its address `127.0.0.1:port`. Its data stay in the lake's home."""
    address = start_broker(settings, port or free_port())
    try:
        yield address
    finally:
        processes.stop_all(settings, [NAME])


def start_broker(settings: Settings, port: int, timeout_s: float = 60) -> str:
    """Start the broker on the data of its last run, if any, and wait until it listens.

    Raises:
        EnvironmentNotReadyError: no Java, or no jars.
        EngineUnavailableError: the broker died or did not listen in time.
    """
    check_java()
    if not any(JARS.glob("*.jar")):
        raise EnvironmentNotReadyError(f"No jars of Kafka in {JARS}.", next_step="Run `make kafka`.")
    folder = private_folder(settings.home.absolute() / "kafka")
    private_folder(settings.run_dir)
    _configure(folder, port)
    processes.spawn(settings, NAME, _java(folder, "kafka.Kafka", "server.properties"), java_environment())
    _wait(settings, port, timeout_s)
    return f"127.0.0.1:{port}"


def _configure(folder: Path, port: int) -> None:
    (folder / "log4j2.yaml").write_text(_LOG4J)
    (folder / "server.properties").write_text(_PROPERTIES.format(port=port, controller=free_port()))
    if not (folder / "data" / "meta.properties").is_file():
        # An id that begins with '-' would be taken for an option.
        identity = urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        command = _java(folder, "kafka.tools.StorageTool", "format", "-t", identity, "-c", "server.properties")
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=java_environment())  # noqa: S603
        if done.returncode:
            raise EngineUnavailableError(
                f"Kafka could not prepare {folder / 'data'}.",
                next_step="Read what it said; is the disk full, or the folder of another broker?",
                facts={"tail": (done.stderr or done.stdout)[-2000:]},
            )


def _java(folder: Path, name: str, *arguments: str) -> list[str]:
    # In its folder, by names without a path: Kafka would read `,` or `\\` of a path in its own way.
    java = ["/usr/bin/env", "-C", str(folder), java_command(), _MEMORY, "-Dlog4j2.configurationFile=log4j2.yaml"]
    return [*java, "-cp", f"{JARS}/*", name, *arguments]


def _wait(settings: Settings, port: int, timeout_s: float) -> None:
    wait_until(lambda: listens(port) or processes.find(settings, NAME) is None, timeout_s, 0.1)
    if listens(port):
        return
    processes.stop_all(settings, [NAME])
    raise EngineUnavailableError(
        f"The Kafka broker did not start on port {port}.",
        next_step=f"Read {processes.log_of(settings, NAME)}.",
        facts={"tail": processes.tail_of(settings, NAME)},
    )
