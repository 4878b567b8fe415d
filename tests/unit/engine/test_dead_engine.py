"""Between the death of a lake's engine and its next start another program may listen at the engine's address."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from matinee.engine.access import VARIABLE, keep_token
from matinee.engine.processes import remember, stop_all
from matinee.engine.server import SPARK, announced_remote, running_remote
from matinee.engine.session import spark_session
from matinee.errors import EngineUnavailableError
from matinee.private import private_folder
from matinee.settings import Settings, load_settings


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """What listens where the engine listened."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        yield listening


@pytest.fixture
def settings(tmp_path: Path, stranger: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake whose engine has died; `SPARK_REMOTE` names the engine."""
    monkeypatch.setenv(VARIABLE, "token")
    port = stranger.getsockname()[1]
    loaded = load_settings(home=tmp_path / "home", spark_remote=f"sc://localhost:{port}")
    private_folder(loaded.run_dir)
    keep_token(loaded)
    engine = subprocess.Popen(["true"])
    remember(loaded, SPARK, engine.pid, f"sc://localhost:{port}")
    engine.wait()
    return loaded


def test_a_call_on_a_dead_engine_may_be_repeated(settings: Settings, stranger: socket.socket) -> None:
    with pytest.raises(EngineUnavailableError, match="is being started again") as told, spark_session(settings):
        pass
    assert told.value.retryable
    with pytest.raises(TimeoutError):  # No token: nobody has called.
        stranger.accept()


def test_the_address_of_an_engine_that_was_stopped_is_forgotten(settings: Settings) -> None:
    assert announced_remote(settings) == settings.spark_remote
    assert running_remote(settings) is None
    assert stop_all(settings, iter([SPARK])) == []
    assert announced_remote(settings) is None
