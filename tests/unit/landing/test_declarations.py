"""Declarations: which days a person closes, where a lake begins, and which manifests are refused."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, at, kept, land, prepare, raw_play

from matinee.errors import LandingRefusedError, UsageError
from matinee.landing.declarations import begin, beginning, close, land_manifest, landed_manifests
from matinee.publication.move import move_to_main
from matinee.sources.files.scan import scan
from matinee.table.catalog import Lake
from matinee.validity.look import Look

WEEK, DAY = timedelta(weeks=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "first"),
    [
        ([], None),
        ([D3], D3),
        ([D2, D1, D3], D1),
        ([D1, D1 + WEEK], D1),
        ([D1, D1 + WEEK + DAY], D1 + WEEK + DAY),
        ([D1, D1 + WEEK, D1 + 2 * WEEK], D1),
        ([D1, D1 + WEEK + DAY, D1 + 2 * WEEK], D1 + WEEK + DAY),
    ],
)
def test_a_lake_begins_with_the_days_that_lead_to_the_last_one(days: list[date], first: date | None) -> None:
    assert beginning(days) == first


LANDED = at(D3)


def fill(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1, "p1"), raw_play(D1, "p2"), raw_play(D3, "p3")], close=False)


kept_lake, lake = kept(fill)


def closed(lake: Lake, day: date, *datasets: str) -> list[tuple[str, date, int]]:
    told = close(lake, datasets or ("raw.plays",), day, LANDED)
    return [(manifest.dataset, manifest.day, manifest.expected_rows or 0) for manifest in told]


def test_days_are_closed_with_the_rows_that_they_have(lake: Lake) -> None:
    assert closed(lake, D3) == [("raw.plays", D1, 2), ("raw.plays", D2, 0), ("raw.plays", D3, 1)]


def test_days_that_are_closed_so_are_not_declared_again(lake: Lake) -> None:
    closed(lake, D2)
    assert closed(lake, D3) == [("raw.plays", D3, 1)]


def test_a_dataset_without_rows_is_closed_from_the_first_day_of_the_others(lake: Lake) -> None:
    told = closed(lake, D1, "raw.plays", "raw.impressions")
    assert told == [("raw.plays", D1, 2), ("raw.impressions", D1, 0)]


def test_landed_days_before_a_long_gap_stay_open(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    later = D3 + WEEK + DAY
    land(lake, "raw.plays", [raw_play(later, "late")], seq=2, close=False)
    told = close(lake, ["raw.plays"], later, at(later))
    assert [manifest.day for manifest in told] == [later]
    assert "2 days with rows before 2026-03-11, the first of them 2026-03-01, stay as they are" in caplog.text


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (D3 + 2 * DAY, "2026-03-05 cannot be closed: it lies beyond tomorrow, 2026-03-04"),
        (D1 - DAY, "There is no day to close: the first landed day is 2026-03-01"),
    ],
)
def test_a_day_that_has_not_come_or_has_nothing_before_it_is_not_closed(lake: Lake, day: date, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        closed(lake, day)


def test_tomorrow_can_be_closed(lake: Lake) -> None:
    assert closed(lake, D3 + DAY)[-1] == ("raw.plays", D3 + DAY, 0)


def test_where_the_lake_begins_is_declared_once(lake: Lake) -> None:
    assert begin(lake, D2, LANDED) is None
    assert begin(lake, D1, LANDED) == D2
    assert begin(lake, D1, LANDED) == D1
    assert Look(lake).valid_from == D1


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (D3 + 2 * DAY, "it lies beyond tomorrow, 2026-03-04"),
        (date(1969, 12, 31), "events before .* are not taken"),
    ],
)
def test_a_lake_does_not_begin_where_no_event_is_taken(lake: Lake, day: date, words: str) -> None:
    with pytest.raises(UsageError, match=f"The lake cannot begin with {day}: {words}"):
        begin(lake, day, LANDED)


def test_settings_that_say_where_the_lake_begins_are_named(lake: Lake) -> None:
    told = replace(lake, settings=lake.settings.model_copy(update={"valid_from": D1}))
    with pytest.raises(UsageError, match="MATINEE_VALID_FROM says 2026-03-01"):
        begin(told, D2, LANDED)


def test_a_published_day_is_not_left_before_the_first_day(lake: Lake) -> None:
    move_to_main(lake, prepare(lake, "core.plays", D1, []), lambda _: ())
    with pytest.raises(UsageError, match="2026-03-01 was published already"):
        begin(lake, D2, LANDED)
    assert begin(lake, D1, LANDED) is None


def declared(lake: Lake, tmp_path: Path, *days: date, name: str = "manifest-1.json") -> tuple[date, ...]:
    """Land a manifest that declares a row of each of the days; return the days whose declaration changed."""
    entries = [{"dataset": "raw.plays", "day": str(day), "expected_rows": 1, "closed": True} for day in days]
    file = tmp_path / name
    file.write_text("\n".join(map(json.dumps, entries)) + "\n")
    return land_manifest(lake, scan(lake.settings, str(file)), ["raw.plays"], LANDED)[1]


def test_a_manifest_declares_its_days(lake: Lake, tmp_path: Path) -> None:
    assert declared(lake, tmp_path, D1, D2) == (D1, D2)
    assert declared(lake, tmp_path, D2, D3) == (D3,)
    assert [landing.landing_seq for landing in landed_manifests(lake).values()] == [2]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (D3 + 2 * DAY, "declares 2026-03-05, which lies beyond tomorrow, 2026-03-04"),
        (D1 - DAY, "declares 2026-02-28, which lies before the first day of the lake, 2026-03-01"),
    ],
)
def test_a_manifest_of_an_odd_day_is_refused_whole(lake: Lake, tmp_path: Path, day: date, words: str) -> None:
    begin(lake, D1, LANDED)
    with pytest.raises(LandingRefusedError, match=words):
        declared(lake, tmp_path, D2, day)
    assert Look(lake).manifests.closed_days("raw.plays") == set()
