"""A producer of records for the demonstration of the stream and its benchmarks: Kafka's own, fed line by line."""

import subprocess
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from matinee.engine.java import java_command, java_environment
from matinee.errors import EngineUnavailableError
from matinee.stack.broker import JARS

#: Between key and value; JSON has no raw tab.
_SEPARATOR = "\t"


class Producer:
    """Sends records to the topics of one broker until it is closed; a topic is made by its first record."""

    def __init__(self, servers: str, topics: Iterable[str]) -> None:
        self._processes = {topic: _start(servers, topic) for topic in topics}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Send what is left, and end."""
        self.close()

    def send(self, topic: str, key: str, payload: str) -> None:
        """Hand a record over; it is sent within half a second."""
        stream = self._processes[topic].stdin
        assert stream is not None  # noqa: S101 - opened by _start
        stream.write(f"{key}{_SEPARATOR}{payload}\n".encode())

    def flush(self) -> None:
        """Hand over what was buffered here."""
        for process in self._processes.values():
            if process.stdin is not None:
                process.stdin.flush()

    def close(self) -> None:
        """Send what is left, and end.

        Raises:
            EngineUnavailableError: a producer died, so records were not sent.
        """
        for process in self._processes.values():
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        died = [topic for topic, process in self._processes.items() if process.wait(timeout=60)]
        if died:
            raise EngineUnavailableError(
                f"The producer of {', '.join(died)} died.", next_step="Check that the broker runs, then start again."
            )


def _start(servers: str, topic: str) -> "subprocess.Popen[bytes]":
    properties = ("parse.key=true", f"key.separator={_SEPARATOR}")
    arguments = [part for pair in properties for part in ("--property", pair)]
    command = [java_command(), "-Xmx256m", "-cp", f"{JARS}/*", "org.apache.kafka.tools.ConsoleProducer"]
    command += ["--bootstrap-server", servers, "--topic", topic, *arguments, "--timeout", "500"]
    return subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=java_environment(),
    )
