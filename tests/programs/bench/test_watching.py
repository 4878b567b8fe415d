"""The watch part of the benchmark: looks are counted, incidents come and go, and hours are compared with the first."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.bench import watching
from tests.bench.history_lake import build_history
from tests.bench.watching import Hour, ratios, watch_for

from matinee.settings import load_settings


def test_each_look_is_counted_and_a_pause_opens_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "DAYS", 2)
    monkeypatch.setattr(watching, "MINUTE", timedelta(minutes=20))
    monkeypatch.setattr(watching, "PAUSED", range(1, 6))
    build_history(load_settings(home=tmp_path, catalog="embedded", spark_remote=None, engine="sail"), 4, 2)
    told = watch_for(tmp_path, 5, 60)
    assert isinstance(told["looks"], list)
    assert [cpu > 0 and rss > 0 for cpu, rss in told["looks"]] == [True] * 5
    assert told["incidents"] == 1


def test_a_watch_ends_with_its_time(tmp_path: Path) -> None:
    assert watch_for(tmp_path, 5, 0) == {"looks": [], "incidents": 0}


def test_hours_are_compared_with_the_first() -> None:
    hours = {number: Hour(0.6, 2.0, 300.0 + 30 * (number > 1)) for number in range(1, 8)}
    told = {ratio.name: (round(ratio.value, 3), ratio.met) for ratio in ratios(hours)}
    assert told == {
        "CPU of a look in the dearest hour / 2 cores": (0.005, True),
        "memory: hour 6 / hour 1": (1.1, True),
        "memory: hour 7 / hour 1": (1.1, True),
    }
    assert ratios({}) == []
