"""Landed manifests and `close_through`: what is declared of the days of raw datasets. No Spark."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.lakes import D1, D2, D3, at, land, make_lake, raw_play

from matinee.errors import LandingRefusedError, UsageError
from matinee.landing.ingest import close_through, ingest
from matinee.table.catalog import Lake
from matinee.validity.manifests import MANIFESTS, declared

LANDED = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def manifest(folder: Path, name: str, *rows: tuple[str, date, int, bool]) -> Path:
    path = folder / name
    names = ("dataset", "day", "expected_rows", "closed")
    path.write_text("".join(json.dumps(dict(zip(names, row, strict=True)), default=str) + "\n" for row in rows))
    return path


def held(lake: Lake) -> dict[tuple[str, date], tuple[int, bool]]:
    return {key: (one.expected_rows, one.closed) for key, one in declared(lake).items()}


def rows(lake: Lake) -> int:
    return lake.table(MANIFESTS).scan().to_arrow().num_rows


def test_a_landed_manifest_declares_its_days(lake: Lake, tmp_path: Path) -> None:
    path = manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True), ("raw.impressions", D1, 9, False))
    [report] = ingest(lake.settings, None, [path], LANDED)
    assert held(lake) == {("raw.plays", D1): (5, True), ("raw.impressions", D1): (9, False)}
    assert (report.dataset, report.rows.out, report.days) == (MANIFESTS, 2, (D1,))
    assert declared(lake)["raw.plays", D1].file == str(path)


def test_the_newer_manifest_of_a_day_holds(lake: Lake, tmp_path: Path) -> None:
    manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True))
    manifest(tmp_path, "manifest-2.json", ("raw.plays", D1, 3, True))
    ingest(lake.settings, None, [tmp_path], LANDED)
    assert held(lake) == {("raw.plays", D1): (3, True)}


def test_the_same_manifests_landed_again_add_nothing_and_change_nothing(lake: Lake, tmp_path: Path) -> None:
    manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True))
    manifest(tmp_path, "manifest-2.json", ("raw.plays", D1, 3, True))
    ingest(lake.settings, None, [tmp_path], LANDED)
    again = ingest(lake.settings, None, [tmp_path], LANDED)
    assert [report.details["already"] for report in again] == ["yes", "yes"]
    assert rows(lake) == 2
    assert held(lake) == {("raw.plays", D1): (3, True)}


def test_a_manifest_that_says_what_holds_adds_nothing(lake: Lake, tmp_path: Path) -> None:
    ingest(lake.settings, None, [manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True))], LANDED)
    other = manifest(tmp_path, "manifest-2.json", ("raw.plays", D1, 5, True), ("raw.plays", D2, 1, True))
    ingest(lake.settings, None, [other], LANDED)
    assert rows(lake) == 2


def test_a_malformed_manifest_is_refused_whole_with_file_and_line(lake: Lake, tmp_path: Path) -> None:
    path = manifest(tmp_path, "manifest-1.json", ("raw.plays", D1, 5, True), ("raw.plays", D2, -1, True))
    with pytest.raises(LandingRefusedError, match=r"manifest-1.json:2 is no declaration of a day: expected_rows"):
        ingest(lake.settings, None, [path], LANDED)
    assert not lake.exists(MANIFESTS)


def test_closing_declares_the_landed_rows_of_each_day_from_the_first(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1), raw_play(D1, "p2"), raw_play(D3)], close=False)
    closed = close_through(lake.settings, "raw.plays", D3, LANDED)
    assert [(one.day, one.expected_rows, one.received_ts) for one in closed] == [
        (D1, 2, LANDED),
        (D2, 0, LANDED),
        (D3, 1, LANDED),
    ]
    assert held(lake) == {("raw.plays", D1): (2, True), ("raw.plays", D2): (0, True), ("raw.plays", D3): (1, True)}


def test_closing_all_datasets_closes_the_same_days_of_each(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D2)], close=False)
    close_through(lake.settings, None, D3, LANDED)
    assert held(lake) == {
        ("raw.impressions", D2): (0, True),
        ("raw.impressions", D3): (0, True),
        ("raw.plays", D2): (1, True),
        ("raw.plays", D3): (0, True),
    }
    assert lake.exists("raw.impressions")


def test_closing_again_declares_only_the_days_that_changed(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)], close=False)
    close_through(lake.settings, "raw.plays", D2, LANDED)
    land(lake, "raw.plays", [raw_play(D2, "p2")], seq=2, close=False)
    closed = close_through(lake.settings, "raw.plays", D2, at(D3))
    assert [(one.day, one.expected_rows) for one in closed] == [(D2, 2)]


def test_a_day_before_the_first_landed_one_cannot_be_closed(lake: Lake) -> None:
    with pytest.raises(UsageError, match="nothing was landed yet"):
        close_through(lake.settings, None, D1, LANDED)
    land(lake, "raw.plays", [raw_play(D2)], close=False)
    with pytest.raises(UsageError, match="the first landed day is 2026-03-02"):
        close_through(lake.settings, "raw.plays", D1, LANDED)
