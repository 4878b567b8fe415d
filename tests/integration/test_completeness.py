"""Completeness of days: small inputs with which an incomplete day once passed for complete."""

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import close_days, land, raw_impression

from matinee.days import end_of
from matinee.errors import InputsNotValidError, NotCompleteError
from matinee.landing.ingest import close_through, ingest
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

pytestmark = [pytest.mark.spark, pytest.mark.sail]
IMPRESSIONS, PLAYS = "raw.impressions", "raw.plays"


@pytest.fixture
def cases() -> Path:
    """The folder of small inputs, beside the checkout."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def explained(settings: Settings, dataset: str, day: date) -> str:
    reason = Validity(Lake.open(settings)).status(dataset, day).reason
    return "\n".join(reason.lines()) if reason else ""


def land_case(settings: Settings, folder: Path, landing: Path, received: datetime) -> None:
    """Land a copy of a case's files, each by its name."""
    shutil.copytree(folder, landing)
    ingest(settings, None, [path for path in landing.iterdir() if path.name != "today.jsonl"], received)
    today = landing / "today.jsonl"
    if today.exists():
        ingest(settings, IMPRESSIONS, [today], received)


def test_rows_of_wrong_clocks_let_no_day_pass(settings: Settings, cases: Path, tmp_path: Path) -> None:
    day, received = date(2026, 3, 23), datetime.fromisoformat("2026-03-24T06:00:00+00:00")
    land_case(settings, cases / "10-wrong-clocks" / "median", tmp_path / "landing", received)
    assert "insufficient history, 3 of the 4 comparable days" in explained(settings, IMPRESSIONS, day)
    vtts = Validity(Lake.open(settings)).vtts(IMPRESSIONS).vtts
    assert vtts == datetime.fromisoformat("2026-03-23T00:00:00+00:00")
    lake, earlier = Lake.open(settings), day - timedelta(weeks=4)
    rows = [raw_impression(earlier, f"e{number}") for number in range(40)]
    land(lake, IMPRESSIONS, rows, seq=9, close=False)
    between = [earlier + timedelta(days=number) for number in range(7)]
    close_days(lake, IMPRESSIONS, dict.fromkeys(between, 0) | {earlier: 40})
    assert "short: 2 of 40" in explained(settings, IMPRESSIONS, day)
    with pytest.raises(InputsNotValidError, match="short: 2 of 40"):
        run(settings, RunRequest("core.impressions", day, day))


def test_rows_that_were_delivered_twice_make_no_day_complete(settings: Settings, cases: Path, tmp_path: Path) -> None:
    day, received = date(2026, 3, 1), datetime.fromisoformat("2026-03-02T06:00:00+00:00")
    land_case(settings, cases / "11-delivered-twice", tmp_path / "landing", received)
    with pytest.raises(NotCompleteError, match="short: 50 of 100"):
        run(settings, RunRequest("core.plays", day, day))
    assert "short: 50 of 100" in explained(settings, "core.plays", day)
    with pytest.raises(InputsNotValidError, match="short: 50 of 100"):
        run(settings, RunRequest("core.plays", day, day))
    close_through(settings, PLAYS, day, received)
    assert run(settings, RunRequest("core.plays", day, day)).rows.out == 50


def test_one_row_of_2001_begins_no_lake(settings: Settings, cases: Path, tmp_path: Path) -> None:
    day, received = date(2026, 3, 1), datetime.fromisoformat("2026-03-02T06:00:00+00:00")
    land_case(settings, cases / "10-wrong-clocks" / "year-2001", tmp_path / "landing", received)
    close_through(settings, None, day, received)
    assert Validity(Lake.open(settings)).valid_from == day
    assert run(settings, RunRequest("core.impressions", day, day)).vtts == end_of(day)
