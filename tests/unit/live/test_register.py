"""The register of ticks: the last word says whether the stream is paused."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from tests.support.lakes import make_lake
from tests.support.ticks import Clock

from matinee.live.register import Tick, paused, record, resumed, ticks
from matinee.table.catalog import Lake

State = Literal["ran", "paused", "resumed"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def noted(lake: Lake, *states: State) -> Clock:
    """Record ticks, one a minute; return the clock, which stands at the last tick."""
    clock = Clock()
    with clock.ruling():
        for number, state in enumerate(states):
            clock.now += timedelta(minutes=1)
            record(lake, Tick(state, reason=str(number)))
    return clock


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ((), None),
        (("ran",), None),
        (("paused", "ran"), "0"),
        (("paused", "resumed", "ran"), None),
        (("paused", "resumed", "paused"), "2"),
    ],
)
def test_the_last_word_decides_and_ticks_say_nothing(lake: Lake, states: tuple[State, ...], reason: str | None) -> None:
    noted(lake, *states)
    pause = paused(lake)
    assert (pause and pause.reason) == reason


def test_the_newest_resumption_counts(lake: Lake) -> None:
    assert resumed(lake) is None
    clock = noted(lake, "paused", "resumed", "resumed")
    assert resumed(lake) == clock.now


def test_ticks_are_listed_from_an_instant_on(lake: Lake) -> None:
    clock = noted(lake, "ran", "ran", "ran")
    assert [tick.reason for tick in ticks(lake)] == ["0", "1", "2"]
    assert [tick.reason for tick in ticks(lake, clock.now - timedelta(minutes=1))] == ["1", "2"]
