"""What `--rehash` notices of landing files, and what is recorded of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.lakes import make_lake

from matinee.errors import LandingRefusedError
from matinee.landing.ingest import ingest, step
from matinee.landing.landed_files import note_seen, registered
from matinee.landing.rehashes import last_rehashes
from matinee.settings import Settings
from matinee.sources.files import scan
from matinee.sources.files.scan import filesystem, identity
from matinee.table.catalog import Lake

LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
PLAY = '{"play_id":"%s","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_lake(tmp_path / "home").settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "plays-1.jsonl").write_text(PLAY % "a")
    return tmp_path / "landing"


def notes(settings: Settings, folder: Path, *, rehash: bool = False) -> dict[str, str]:
    reports = ingest(settings, None, [folder], LANDED, rehash=rehash)
    return {Path(str(report.details["file"])).name: str(report.details["note"]) for report in reports}


def night(settings: Settings, folder: Path) -> None:
    step(settings, [str(folder)], rehash="yes")


def test_a_rehash_by_hand_notices_other_bytes_and_records_nothing(settings: Settings, folder: Path) -> None:
    ingest(settings, None, [folder], LANDED)
    lake, file = Lake.open(settings), folder / "plays-1.jsonl"
    file.write_text(PLAY % "b")
    # As if a bit on the disk had flipped: the register has the landed bytes for the current identity of the file.
    now = identity(filesystem(settings, str(file)), str(file))
    note_seen(lake, [(registered(lake, "raw.plays")[0], str(file), now)])
    assert notes(settings, folder) == {"plays-1.jsonl": "was there already: nothing was added"}
    assert "other bytes" in notes(settings, folder, rehash=True)["plays-1.jsonl"]
    assert sorted(lake.table("raw.plays").scan().to_arrow()["play_id"].to_pylist()) == ["a", "b"]
    assert last_rehashes(lake) == {}


def test_other_bytes_are_noticed_once(settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_YOUNG_S", -1.0)
    ingest(settings, None, [folder], LANDED)
    lake, file = Lake.open(settings), folder / "plays-1.jsonl"
    file.write_text(PLAY % "b")
    now = identity(filesystem(settings, str(file)), str(file))
    note_seen(lake, [(registered(lake, "raw.plays")[0], str(file), now)])
    night(settings, folder)
    assert (last_rehashes(lake)["raw.plays"].differing, last_rehashes(lake)["raw.plays"].file) == (1, str(file))
    assert notes(settings, folder, rehash=True) == {"plays-1.jsonl": "was there already: nothing was added"}
    assert last_rehashes(lake)["raw.plays"].differing == 1, "a rehash by hand hides nothing"
    night(settings, folder)
    assert last_rehashes(lake)["raw.plays"].differing == 0


def test_a_rehash_at_night_is_recorded_with_how_many_files_it_read(settings: Settings, folder: Path) -> None:
    ingest(settings, None, [folder], LANDED)
    assert last_rehashes(Lake.open(settings)) == {}
    (folder / "manifest-1.jsonl").write_text("")
    (folder / "plays-bad.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(LandingRefusedError):
        night(settings, folder)
    known = last_rehashes(Lake.open(settings))
    assert {name: (last.files, last.differing, last.file) for name, last in known.items()} == {"raw.plays": (2, 0, "")}


def test_a_folder_without_files_counts_as_read_again(settings: Settings, folder: Path) -> None:
    step(settings, [f"{folder}/impressions*"], "raw.impressions", "yes")
    step(settings, [f"{folder}/plays*"], "raw.plays")
    assert {name: last.files for name, last in last_rehashes(Lake.open(settings)).items()} == {"raw.impressions": 0}
