"""The driver reports an error that may pass and tries again; an error that would recur ends the driver."""

from datetime import timedelta
from pathlib import Path

import pytest

from matinee.errors import EngineFailedError, LeaseHeldError, MatineeError, StreamPausedError, UsageError
from matinee.live import driver
from matinee.live.register import Tick
from matinee.settings import Settings, load_settings
from matinee.sources.files.folder import Folder

NO_WAIT = timedelta(0)
PASSING = [cls("It may pass.", next_step="Wait.", facts={}) for cls in (StreamPausedError, LeaseHeldError)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path, catalog="embedded", spark_remote="sc://127.0.0.1:1")


def turns(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, *results: MatineeError | list[Tick]
) -> list[list[Tick] | MatineeError]:
    """Run a turn for each result, and return what the driver reported."""
    left, told = list(results), []

    def tick(*_: object) -> list[Tick]:
        result = left.pop(0)
        if isinstance(result, MatineeError):
            raise result
        return result

    monkeypatch.setattr(driver, "tick", tick)
    driver.run_every(settings, Folder(settings.home), NO_WAIT, told.append, ticks=len(results))
    return told


@pytest.mark.parametrize("error", [*PASSING, EngineFailedError("A job failed.", next_step="Read.", facts={})])
def test_what_may_pass_is_told_and_the_next_turn_ticks(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, error: MatineeError
) -> None:
    done = [Tick("ran")]
    assert turns(monkeypatch, settings, error, done) == [error, done]


def test_what_would_happen_again_ends_the_driver(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        turns(monkeypatch, settings, UsageError("There is no such folder.", next_step="Name one."), [Tick("ran")])
