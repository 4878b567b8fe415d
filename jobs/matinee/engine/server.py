"""The embedded engine: one Spark Connect server on the loopback interface."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matinee.engine.access import VARIABLE, process_token
from matinee.engine.java import check_java, java_environment
from matinee.engine.options import spark_options
from matinee.engine.processes import address_of, find, keep_log, remember
from matinee.errors import EngineUnavailableError, EnvironmentNotReadyError
from matinee.private import open_private, private_folder
from matinee.retries import wait_until
from matinee.settings import Settings

# Process objects are kept: Python warns where an object is collected and its process still runs.
_OUTLIVING: "list[subprocess.Popen[bytes]]" = []
SPARK = "spark-connect-server"
SERVER_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"


@dataclass(frozen=True)
class ConnectServer:
    """A running server: the leader of its process group and its address `sc://localhost:port`."""

    process: "subprocess.Popen[bytes]"
    remote: str
    log: Path

    @property
    def pid(self) -> int:
        """The process group."""
        return self.process.pid


def free_port() -> int:
    """Return a TCP port of the loopback interface that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_server(settings: Settings, port: int, *, die_with_us: bool = False, timeout_s: float = 90) -> ConnectServer:
    """Start a Connect server in a process group of its own and wait until it listens.

    The server refuses clients that do not show the token of this process.

    Args:
        settings: which lake's folder holds its log.
        port: where it listens on 127.0.0.1.
        die_with_us: have the kernel end it when this process ends, even by SIGKILL.
        timeout_s: how long it may take.

    Raises:
        EnvironmentNotReadyError: no Java, no jars, or the port is taken.
        EngineUnavailableError: it died or did not listen in time; its log is in the facts.
    """
    check_java()
    if listens(port):
        raise EnvironmentNotReadyError(
            f"Port {port} is taken.",
            next_step="Stop what listens there, or choose another with MATINEE_SPARK_PORT.",
            facts={"port": port},
        )
    log = log_file(settings, port)
    private_folder(log.parent)
    keep_log(log)
    with open_private(log) as output:
        process = subprocess.Popen(  # noqa: S603
            _command(settings, port),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=settings.run_dir,
            preexec_fn=_die_with_parent if die_with_us else None,  # noqa: PLW1509 - one prctl call, no lock is taken
            env=_environment(),
        )
    _wait(process, port, log, timeout_s)
    # Of loopback addresses, Spark sends a token without TLS to this name only.
    return ConnectServer(process, f"sc://localhost:{port}", log)


def log_file(settings: Settings, port: int) -> Path:
    """Return the file with the output of a server."""
    return settings.run_dir.absolute() / f"spark-connect-{port}.log"


@contextlib.contextmanager
def own_server(settings: Settings) -> Iterator[str]:
    """Run a server for the length of a block and yield its address: the engine of a single command.

    Raises:
        EngineUnavailableError: it did not start, or died within the block; its log is kept.
    """
    server = start_server(settings, free_port(), die_with_us=True)
    try:
        yield server.remote
    except EngineUnavailableError as error:
        with contextlib.suppress(subprocess.TimeoutExpired):  # Its port closes a moment before it has ended.
            server.process.wait(1)
        if server.process.returncode is None:
            raise
        raise _died(server) from error
    finally:
        stop_server(server)
        server.log.unlink(missing_ok=True)


def stop_server(server: ConnectServer, timeout_s: float = 15) -> None:
    """Stop the server's process group: by SIGTERM, then by SIGKILL."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(timeout_s)
            return


def announce(settings: Settings, server: ConnectServer) -> None:
    """Make this server the engine of every command on this lake until it ends; it may outlive this process."""
    _OUTLIVING.append(server.process)
    remember(settings, SPARK, server.pid, server.remote)


def running_remote(settings: Settings) -> str | None:
    """Return the address of the server that was announced for this lake, if it still runs."""
    return announced_remote(settings) if find(settings, SPARK) else None


def announced_remote(settings: Settings) -> str | None:
    """Return the address of the server that was announced for this lake and not stopped, even if it has died."""
    return address_of(settings, SPARK)


def _command(settings: Settings, port: int) -> list[str]:
    submit = Path(sys.executable).with_name("spark-submit")
    options = spark_options(settings) | {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    options["spark.driver.extraJavaOptions"] = settings.spark_java_options
    arguments = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
    master = f"local[{settings.spark_cores}]"
    return [str(submit), "--master", master, *arguments, "--class", SERVER_CLASS, "spark-internal"]


def _environment() -> dict[str, str]:
    # spark-submit finds its own home by the first `python3` on the path: it must be the one that has pyspark.
    folder = str(Path(sys.executable).parent)
    # Its workers run in folders of their own, where a relative path would lead to another package, or to none.
    ours = [str(Path(__file__).parents[2]), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return java_environment() | {
        "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in ours),
        "SPARK_LOCAL_IP": "127.0.0.1",
        VARIABLE: process_token(),
    }


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, timeout_s: float) -> None:
    wait_until(lambda: listens(port) or process.poll() is not None, timeout_s, 0.2)
    if listens(port):
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    tail = log.read_text(errors="replace").splitlines()[-5:]
    raise EngineUnavailableError(
        f"The Spark Connect server did not start on port {port}.",
        next_step=f"Read {log}.",
        facts={"log": log, "exit_code": process.poll(), "tail": " | ".join(tail)},
    )


def listens(port: int) -> bool:
    """Whether something listens on a port of the loopback interface."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _died(server: ConnectServer) -> EngineUnavailableError:
    code, last_words = server.process.returncode, server.log.read_text(errors="replace").splitlines()[-3:]
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    log = keep_log(server.log)
    return EngineUnavailableError(
        f"The engine of this command ended {how}.",
        next_step=f"Read {log}. Where memory was short, raise or lower MATINEE_SPARK_MEMORY. Then run again.",
        facts={"log": log, "exit_code": code, "tail": " | ".join(last_words)},
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 = PR_SET_PDEATHSIG
