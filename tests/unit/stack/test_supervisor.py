"""The supervisor starts an engine that died again, keeps its log, and lets `matinee doctor` say so."""

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from matinee.cli import doctor
from matinee.engine.processes import log_of, pid_file, remember
from matinee.engine.server import SPARK, log_file
from matinee.errors import EnvironmentNotReadyError
from matinee.settings import Settings, load_settings
from matinee.stack import supervisor
from matinee.stack.supervisor import Outage, last_outage, outage_file, supervise

PORT = 15999
REMOTE = f"sc://127.0.0.1:{PORT}"
Live = Callable[[str], None]


class EnoughError(Exception):
    """Ends a supervision, which has no end of its own."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    loaded = load_settings(home=tmp_path / "home", spark_remote=None)
    loaded.run_dir.mkdir(parents=True)
    return loaded


@pytest.fixture
def live(settings: Settings) -> Iterator[Live]:
    """Let a component of the stack live until the test ends."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(name: str) -> None:
        started.append(subprocess.Popen(["sleep", "60"]))
        remember(settings, name, started[-1].pid, "sc://127.0.0.1:15999")

    yield begin
    for process in started:
        process.kill()
        process.wait()


def end_at_once(settings: Settings, words: str) -> None:
    """Play an engine that says something and dies."""
    log = log_file(settings, PORT)
    log.write_text(words)
    log_of(settings, SPARK).unlink(missing_ok=True)
    log_of(settings, SPARK).symlink_to(log.name)
    with subprocess.Popen(["true"]) as process:
        remember(settings, SPARK, process.pid)


TAKEN = EnvironmentNotReadyError(f"Port {PORT} is taken.", next_step="Free it.")


def supervised(settings: Settings, pauses: int, fails: int = 0, refusal: Exception = TAKEN) -> list[float]:
    """Supervise engines that die at once, after some starts that fail; return the pauses."""
    waited: list[float] = []

    def pause(seconds: float) -> None:
        if len(waited) == pauses:
            raise EnoughError
        waited.append(seconds)

    def start(settings: Settings, _: int) -> None:
        if len(waited) <= fails:
            raise refusal
        end_at_once(settings, f"words {len(waited)}\n")

    with pytest.raises(EnoughError):
        supervise(settings, PORT, start, pause)
    return waited


def rows(check: str) -> list[dict[str, str]]:
    told = json.loads(CliRunner().invoke(doctor.doctor, ["--output", "json"]).stdout)
    return [row for row in told if row["check"] == check]


def test_each_start_after_a_death_waits_twice_as_long_up_to_a_limit(settings: Settings) -> None:
    end_at_once(settings, "words 0\n")
    assert supervised(settings, 11) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_an_engine_that_was_healthy_is_started_again_soon(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "HEALTHY_S", -1.0)
    assert supervised(settings, 3) == [1, 1, 1]


def test_a_start_that_fails_is_tried_again_and_says_why(settings: Settings) -> None:
    end_at_once(settings, "words 0\n")
    assert supervised(settings, 2, fails=2) == [1, 2]
    outage = last_outage(settings)
    assert outage is not None
    assert (outage.deaths, outage.last_words, outage.again_at is None) == (1, "words 0", False)
    assert f"Port {PORT} is taken." in outage.why_not


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EAGAIN, errno.EMFILE], ids=errno.errorcode.get)
def test_a_machine_that_refuses_a_start_does_not_end_the_supervisor(settings: Settings, number: int) -> None:
    end_at_once(settings, "words 0\n")
    assert supervised(settings, 2, fails=2, refusal=OSError(number, os.strerror(number))) == [1, 2]
    outage = last_outage(settings)
    assert outage is not None
    assert os.strerror(number) in outage.why_not


def test_an_outage_that_cannot_be_written_does_not_end_the_supervisor(settings: Settings) -> None:
    end_at_once(settings, "words 0\n")
    outage_file(settings).mkdir()
    assert supervised(settings, 3) == [1, 2, 4]


def test_files_that_cannot_be_opened_do_not_end_the_supervisor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    end_at_once(settings, "words 0\n")
    monkeypatch.setattr(supervisor, "keep_log", refuse)
    assert supervised(settings, 2, fails=2) == [1, 2]
    outage = last_outage(settings)
    assert outage is not None
    assert os.strerror(errno.EMFILE) in outage.last_words
    monkeypatch.setattr(supervisor, "find", refuse)
    assert supervised(settings, 3) == [1, 1, 1]


def test_an_engine_whose_end_its_parent_does_not_ask_for_is_started_again(settings: Settings) -> None:
    command = ["sh", "-c", "sleep 0.5 & echo $!; exec sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        remember(settings, SPARK, int(parent.stdout.readline()))
        log_of(settings, SPARK).touch()
        assert supervised(settings, 1) == [1]
        parent.kill()


def test_the_log_of_each_engine_that_died_is_kept(settings: Settings) -> None:
    end_at_once(settings, "words 0\n")
    supervised(settings, 2)
    kept = sorted(path for path in settings.run_dir.glob(f"spark-connect-{PORT}.*.log"))
    assert [path.read_text() for path in kept] == ["words 0\n", "words 1\n", "words 2\n"]
    outage = last_outage(settings)
    assert outage is not None
    assert outage.log == str(kept[-1])


@pytest.fixture
def checked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Let doctor look at the engine of the lake alone."""
    monkeypatch.setattr(doctor, "CHECKS", {"engine": doctor.CHECKS["engine"]})
    monkeypatch.setattr(doctor, "load_settings", lambda: settings)
    monkeypatch.setattr("matinee.stack.engine.check_port", lambda _: None)
    died = Outage(deaths=2, died_at=datetime(2026, 3, 1, tzinfo=UTC), last_words="no memory", log="/kept.log")
    outage_file(settings).write_text(died.model_dump_json())
    return settings


def test_doctor_warns_of_an_engine_that_died_and_runs_again(checked: Settings, live: Live) -> None:
    live(SPARK)
    live(supervisor.NAME)
    [engine, warning] = rows("engine")
    assert (engine["state"], engine["detail"]) == ("ok", "sc://127.0.0.1:15999")
    assert (warning["state"], warning["since"]) == ("warning", "2026-03-01T00:00:00+00:00")
    assert warning["detail"] == "the engine died 2 times since `make up` and was started again: no memory"
    assert warning["next"] == "read /kept.log"


def test_doctor_fails_while_the_engine_of_a_stack_is_dead(checked: Settings, live: Live) -> None:
    live(supervisor.NAME)
    [row] = rows("engine")
    assert (row["state"], row["detail"]) == (
        "failed",
        "The engine of the stack died at 2026-03-01 00:00:00Z: no memory",
    )
    assert row["next"] == "The launcher is starting it again. Read /kept.log."


def test_doctor_takes_no_program_at_the_address_for_the_engine(
    checked: Settings, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(supervisor.NAME)
    pid_file(checked, SPARK).write_text(f"1 12345.0 {REMOTE}\n")
    monkeypatch.setattr(doctor, "load_settings", lambda: checked.model_copy(update={"spark_remote": REMOTE}))
    assert "The engine of the stack died" in rows("engine")[0]["detail"]


def test_doctor_says_where_nothing_would_start_the_engine_again(checked: Settings, live: Live) -> None:
    live("airflow-scheduler")
    [row] = rows("engine")
    assert (row["state"], "Nothing starts it again: `make down`" in row["next"]) == ("failed", True)
    live(SPARK)
    assert "its supervisor is gone" in rows("engine")[-1]["detail"]


def test_deaths_of_a_stack_that_was_stopped_are_no_fault(checked: Settings) -> None:
    [row] = rows("engine")
    assert (row["state"], row["detail"]) == ("ok", "a server of its own for each command")
