"""The register of comparisons: what was found is read back, oldest first."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, make_lake
from tests.support.ticks import BEGIN, Clock

from matinee.parity import register
from matinee.parity.register import Parity, days_to_compare, parities, record

OUTCOMES = "core.impression_plays"
FIRST = Parity(OUTCOMES, D1, "p1", 1, 9, 1, 2, {"late": 2}, {"label": 0.75})


def test_comparisons_are_read_back_oldest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, clock = make_lake(tmp_path), Clock()
    monkeypatch.setattr(register, "stamp", clock.stamp)
    for hour in (2, 3, 1):
        clock.now = BEGIN + timedelta(hours=hour)
        record(lake, replace(FIRST, rows=hour))
    told = parities(lake)
    assert [parity.rows for parity in told] == [1, 2, 3]
    assert told[0] == replace(FIRST, rows=1, recorded_ts=BEGIN + timedelta(hours=1))


def test_a_lake_without_live_tables_has_nothing_to_compare(tmp_path: Path) -> None:
    assert days_to_compare(make_lake(tmp_path)) == []
