"""The register of comparisons: what was found is read back, oldest first."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, make_lake
from tests.support.ticks import Clock

from matinee.parity import register
from matinee.parity.register import Parity, days_to_compare, parities, record

OUTCOMES = "core.impression_plays"
FIRST = Parity(OUTCOMES, D1, "p1", 1, 9, 1, 2, {"late": 2}, {"label": 0.75})


def test_comparisons_are_read_back_oldest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, clock = make_lake(tmp_path), Clock()
    monkeypatch.setattr(register, "stamp", clock.stamp)
    for parity in (FIRST, replace(FIRST, day=D2, causes={}, differing=0)):
        clock.now -= timedelta(hours=1)
        record(lake, parity)
    earlier, later = parities(lake)
    assert (later, earlier.day) == (replace(FIRST, recorded_ts=clock.now + timedelta(hours=1)), D2)


def test_a_lake_without_live_tables_has_nothing_to_compare(tmp_path: Path) -> None:
    assert days_to_compare(make_lake(tmp_path)) == []
