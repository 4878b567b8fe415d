"""A day of ticks, one a minute: what they leave does not grow, and not a row is lost."""

from pathlib import Path

import pytest
from tests.support.lakes import make_lake
from tests.support.ticks import ROWS, run_hours

from matinee.contracts.model import live_name
from matinee.landing.model import QUARANTINE
from matinee.live.impressions import LIVE, SOURCES
from matinee.live.register import TICKS
from matinee.table.catalog import Lake

DAY = 24
TICKS_A_DAY = DAY * 60


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_day_of_ticks_leaves_hardly_more_than_its_first_hour(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    hours = list(run_hours(lake, DAY))
    assert hours[-1].files <= 1.5 * hours[0].files, hours
    # Upkeep removes what is older than the readers' hour, a round late; both sources commit to the quarantine.
    assert max(len(lake.table(name).metadata.snapshots) for name in (*SOURCES, *map(live_name, LIVE), TICKS)) < 2 * 60
    assert len(lake.table(QUARANTINE).metadata.snapshots) < 4 * 60
    assert {name: _rows(lake, name) for name in (*SOURCES, QUARANTINE, TICKS)} == {
        **dict.fromkeys(SOURCES, ROWS * TICKS_A_DAY),
        QUARANTINE: 2 * TICKS_A_DAY,
        TICKS: TICKS_A_DAY,
    }


def _rows(lake: Lake, dataset: str) -> int:
    return int(lake.table(dataset).scan().count())
