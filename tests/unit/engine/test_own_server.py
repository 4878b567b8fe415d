"""A command whose own engine dies says how, and where its log is kept."""

import subprocess
from pathlib import Path

import pytest

from matinee.engine import server
from matinee.engine.server import ConnectServer, log_file, own_server
from matinee.errors import EngineUnavailableError
from matinee.settings import Settings, load_settings

PORT = 15998


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    loaded = load_settings(home=tmp_path / "home", spark_remote=None)
    loaded.run_dir.mkdir(parents=True)
    return loaded


@pytest.fixture
def engine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> "subprocess.Popen[bytes]":
    """A process that stands for the engine; its log has one line."""
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    log_file(settings, PORT).write_text("java.lang.OutOfMemoryError\n")
    started = ConnectServer(process, f"sc://127.0.0.1:{PORT}", log_file(settings, PORT))
    monkeypatch.setattr(server, "start_server", lambda *_, **__: started)
    return process


def work(settings: Settings, died: "subprocess.Popen[bytes] | None" = None) -> None:
    """Work with an engine that does not answer; kill it before, if it is given."""
    with own_server(settings):
        if died:
            died.kill()
        raise EngineUnavailableError("No Spark Connect server answers.", next_step="Start one.")


def test_a_dead_engine_is_named_with_its_signal_and_its_log(
    settings: Settings, engine: "subprocess.Popen[bytes]"
) -> None:
    with pytest.raises(EngineUnavailableError, match="The engine of this command ended by SIGKILL") as raised:
        work(settings, engine)
    kept = Path(str(raised.value.facts["log"]))
    assert kept.read_text() == "java.lang.OutOfMemoryError\n"
    assert str(kept) in raised.value.next_step
    assert not log_file(settings, PORT).exists()


@pytest.mark.usefixtures("engine")
def test_an_engine_that_lives_leaves_no_log(settings: Settings) -> None:
    with pytest.raises(EngineUnavailableError, match="No Spark Connect server answers"):
        work(settings)
    assert list(settings.run_dir.iterdir()) == []
