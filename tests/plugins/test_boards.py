"""Boards: the last look is shown at once, and old ones are looked at again in the background."""

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, close_days, make_lake

from matinee.days import end_of
from matinee.errors import CatalogUnavailableError
from matinee.settings import Settings

pytestmark = pytest.mark.airflow
NOW = end_of(D1)


class Clock:
    """Tells a time that a test moves."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_a_look_is_kept_until_it_is_old(tmp_path: Path) -> None:
    from matinee_airflow.pages.board import Boards

    lake, clock = make_lake(tmp_path), Clock()
    boards = Boards(lambda: lake.settings, clock, patience_s=60)
    first = boards.current()
    close_days(lake, "raw.plays", {D1: 0})
    assert boards.current() is first
    clock.now += timedelta(seconds=3)
    second = boards.current()
    assert first is not None
    assert second is not None
    assert ({shown.last for shown in first.datasets}, {shown.last for shown in second.datasets}) == ({None}, {D1})


def test_a_page_does_not_wait_for_a_slow_look(tmp_path: Path) -> None:
    from matinee_airflow.pages.board import Boards

    lake = make_lake(tmp_path)

    def slow() -> Settings:
        time.sleep(0.3)
        return lake.settings

    boards = Boards(slow, Clock(), patience_s=0.01)
    assert boards.current() is None
    while (board := boards.current()) is None:
        time.sleep(0.01)
    assert board.taken == NOW


def test_a_look_that_failed_is_followed_by_another_ten_seconds_later(tmp_path: Path) -> None:
    from matinee_airflow.pages.board import Boards

    lake, down = make_lake(tmp_path), [True]

    def settings() -> Settings:
        if down:
            raise CatalogUnavailableError("The catalog does not answer.", next_step="Start it.")
        return lake.settings

    clock = Clock()
    boards = Boards(settings, clock, patience_s=60)
    with pytest.raises(CatalogUnavailableError):
        boards.current()
    down.clear()
    with pytest.raises(CatalogUnavailableError):
        boards.current()
    clock.now += timedelta(seconds=11)
    assert boards.current() is not None
