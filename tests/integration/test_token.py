"""Who may use the Connect server: clients that show its token; others are refused, and nobody sees the token."""

from pathlib import Path

import psutil
import pytest

from matinee.engine.access import VARIABLE, keep_token, process_token
from matinee.engine.server import ConnectServer, announce
from matinee.engine.session import spark_session
from matinee.errors import TokenRefusedError
from matinee.settings import Settings

pytestmark = pytest.mark.spark


def ask(settings: Settings) -> int:
    with spark_session(settings) as spark:
        return spark.range(3).count()


def port_of(settings: Settings) -> int:
    return int((settings.spark_remote or "").rpartition(":")[2])


def server_of(settings: Settings) -> psutil.Process:
    """Return the process of the session's server."""
    setting = f"spark.connect.grpc.binding.port={port_of(settings)}"
    running = (child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE)
    [server] = [child for child in running if setting in child.cmdline()]
    return server


@pytest.mark.parametrize("token", [None, "", "another"])
def test_a_client_without_the_token_is_refused(
    settings: Settings, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    if token is not None:
        monkeypatch.setenv(VARIABLE, token)
    with pytest.raises(TokenRefusedError, match=VARIABLE) as refused:
        ask(settings)
    assert not refused.value.retryable


def test_a_lakes_own_commands_have_the_token_from_its_home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    port = port_of(settings)
    own = settings.model_copy(update={"spark_remote": None})
    own.run_dir.mkdir(parents=True)
    keep_token(own)
    announce(own, ConnectServer(psutil.Process(), f"sc://localhost:{port}", own.home))  # type: ignore[arg-type]
    monkeypatch.setenv(VARIABLE, "another")
    assert ask(own) == 3
    assert ask(own.model_copy(update={"spark_remote": f"sc://127.0.0.1:{port}"})) == 3
    assert (own.run_dir / "spark-connect.token").stat().st_mode & 0o777 == 0o600


def test_sparks_own_client_is_let_in_by_the_environment(settings: Settings) -> None:
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(settings.spark_remote or "").create()
    assert session.range(3).count() == 3
    session.stop()


def test_no_command_line_has_the_token_and_no_file_that_others_can_read(
    session_settings: Settings, settings: Settings
) -> None:
    assert ask(settings) == 3
    assert process_token() not in " ".join(server_of(settings).cmdline())
    files = [path for path in session_settings.run_dir.rglob("*") if path.is_file()]
    holding = [path for path in files if process_token() in path.read_text(errors="replace")]
    # Spark's own workers of micro-batches print the address that they were given, token included, to the server's log.
    assert {(path.suffix, path.stat().st_mode & 0o777) for path in holding} <= {(".log", 0o600)}
    assert files


def test_the_server_listens_on_the_loopback_interface_only(settings: Settings) -> None:
    sockets = [socket for socket in server_of(settings).net_connections("tcp") if socket.status == "LISTEN"]
    assert port_of(settings) in {socket.laddr.port for socket in sockets}
    assert {socket.laddr.ip.removeprefix("::ffff:") for socket in sockets} == {"127.0.0.1"}


def test_a_log_of_the_server_is_private(spark_remote: str, session_settings: Settings) -> None:
    logs = [path for path in Path(session_settings.run_dir).iterdir() if path.suffix == ".log"]
    assert logs
    assert {path.stat().st_mode & 0o777 for path in logs} == {0o600}
