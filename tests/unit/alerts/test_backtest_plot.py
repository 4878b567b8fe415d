"""A backtest is drawn as a picture."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from matinee.alerts.backtest import Score
from matinee.alerts.backtest_plot import plot
from matinee.errors import EnvironmentNotReadyError, MatineeError, UsageError

SCORES = [Score("stale", 2.5, 0.5, None, timedelta(minutes=3), 2), Score("all rules", 0, None, None, None, None)]


def test_each_rule_and_what_is_not_known_stands_in_the_picture(tmp_path: Path) -> None:
    plot(SCORES, "March", tmp_path / "b.svg")
    drawn = (tmp_path / "b.svg").read_text()
    assert all(f"<!-- {text} -->" in drawn for text in ("March", "stale", "all rules", "2.5", "0.5", "3", "unknown"))


def test_a_picture_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no format"):
        plot(SCORES, "March", tmp_path / "b.bmp")


def test_without_matplotlib_the_next_step_is_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(EnvironmentNotReadyError) as refused:
        plot(SCORES, "March", tmp_path / "b.png")
    assert "matinee[plots]" in refused.value.next_step


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MatineeError, match="gone"):
        plot(SCORES, "March", tmp_path / "gone" / "b.png")
