"""The stream is told by its newest ticks, and parity by the last compared day."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, make_lake
from tests.support.metrics import told
from tests.support.ticks import Clock

from matinee.live.register import Tick
from matinee.live.register import record as record_tick
from matinee.metrics.stream import stream
from matinee.parity.register import Parity
from matinee.parity.register import record as record_parity
from matinee.table.catalog import Lake

PLAYS = ("core.plays",)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def test_the_stream_is_told_by_its_last_tick(lake: Lake) -> None:
    clock = Clock()
    with clock.ruling():
        record_tick(lake, Tick("ran", rows_landed=3, lag_s=9.5))
        clock.now += timedelta(days=3)
        record_tick(lake, Tick("ran", lag_s=4.5))
        record_tick(lake, Tick("paused", reason="x"))
    seen = told(stream(lake.settings))
    assert seen["stream_tick_timestamp_seconds",] == clock.now.timestamp()
    assert (seen["stream_lag_seconds",], seen["stream_paused",]) == (4.5, 1)


def test_parity_is_that_of_the_last_compared_day(lake: Lake) -> None:
    record_tick(lake, Tick("ran"))
    parity = Parity("core.plays", D1, "p", 1, 10, 0, 4, {"x": 4}, {"title_id": 0.6, "label": 1.0})
    for differing, score in ((4, 0.6), (1, 0.9)):
        record_parity(lake, replace(parity, differing=differing, scores={"title_id": score}))
    seen = told(stream(lake.settings))
    assert (seen["parity_score", *PLAYS], seen["parity_differing_rows", *PLAYS]) == (0.9, 1)
