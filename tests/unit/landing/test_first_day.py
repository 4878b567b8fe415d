"""The first day of a lake: rows of a wrong clock, more than a week before all other rows, do not decide it."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D3, at, land, make_lake, raw_play

from matinee.errors import LandingRefusedError, UsageError
from matinee.landing.declarations import begin
from matinee.landing.ingest import close_through, ingest
from matinee.table.catalog import Lake
from matinee.validity.manifests import declared

WEEK, DAY = timedelta(weeks=1), timedelta(days=1)
LANDED = at(D3 + DAY)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def test_a_single_row_of_a_wrong_clock_declares_no_thousands_of_days(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(date(2001, 1, 1), "x")], close=False)
    with pytest.raises(UsageError, match=r"9190 of the days from 2001-01-01 on have no rows.*lake begin DAY"):
        close_through(lake.settings, "raw.plays", D1, LANDED)
    assert not declared(lake)
    begin(lake, D1, LANDED)
    with pytest.raises(UsageError, match="the lake begins with 2026-03-01"):
        close_through(lake.settings, "raw.plays", D1, LANDED)
    land(lake, "raw.plays", [raw_play(D1)], seq=2, close=False)
    assert [closing.day for closing in close_through(lake.settings, "raw.plays", D1, LANDED)] == [D1]


def test_a_first_day_that_is_named_lets_many_empty_days_be_closed(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1 - timedelta(days=60))])
    with pytest.raises(UsageError, match="60 of the days from 2025-12-31 on have no rows"):
        close_through(lake.settings, "raw.plays", D1, LANDED)
    begin(lake, D1 - timedelta(days=60), LANDED)
    assert len(close_through(lake.settings, "raw.plays", D1, LANDED)) == 60


@pytest.mark.parametrize("rows", [[], [raw_play(date(2001, 1, 1), "x"), raw_play(D1)]], ids=["no rows", "a stray row"])
def test_a_single_old_manifest_does_not_begin_the_lake(
    lake: Lake, tmp_path: Path, rows: list[dict[str, object]]
) -> None:
    if rows:
        land(lake, "raw.plays", rows, close=False)
    old = tmp_path / "manifest-1.json"
    old.write_text(json.dumps({"dataset": "raw.plays", "day": "2001-01-01", "expected_rows": 1, "closed": True}))
    with pytest.raises(LandingRefusedError, match=r"2001-01-01, which lies before .* `matinee lake begin 2001-01-01`"):
        ingest(lake.settings, None, [str(old)], LANDED)
    assert not declared(lake)
