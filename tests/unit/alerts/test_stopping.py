"""A watcher that is stopped gives its lease up, so that the next watcher need not wait."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import sleep

import click
import pytest

from matinee.alerts.journal.store import open_file
from matinee.cli.main import cli


@pytest.fixture
def _same_handler_afterwards() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_same_handler_afterwards")
def test_a_terminated_watcher_gives_its_lease_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path))
    ping = tmp_path / "ping"
    monkeypatch.setenv("MATINEE_ALERTS_PING", str(ping))

    def stop() -> None:
        for _ in range(2000):
            if ping.exists():
                break
            sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    def fail(*_: object) -> None:
        raise AssertionError("the command left the signal to its caller")

    signal.signal(signal.SIGTERM, fail)
    stopping = Thread(target=stop)
    stopping.start()
    with pytest.raises((click.Abort, KeyboardInterrupt)):
        cli.main(["alerts", "watch", "--every", "20s"], standalone_mode=False)
    stopping.join()
    with closing(open_file(tmp_path / "alerts" / "journal.db")) as journal, journal.begin() as entries:
        assert entries.lease("watcher") is None
