"""What `ingest` refuses before anything is landed, and what a refusal of some files says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import ids, make_lake

from matinee.errors import LandingRefusedError, UnknownDatasetError, UnreadableError, UsageError
from matinee.landing.ingest import close_through, ingest, step
from matinee.landing.parsing.judge import AHEAD
from matinee.settings import Settings
from matinee.table.catalog import Lake

RAW = "raw.plays"
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
PLAY = '{"play_id":"%s","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_lake(tmp_path / "home").settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a good file and a file that cannot be read."""
    (tmp_path / "plays-good.jsonl").write_text(PLAY % "a")
    (tmp_path / "plays-bad.jsonl.gz").write_bytes(b"no gzip")
    return tmp_path


@pytest.mark.parametrize(
    ("received_at", "words"),
    [
        (datetime(2026, 3, 1), "has no time zone"),  # noqa: DTZ001 - that is the fault
        (datetime.now(UTC) + AHEAD + timedelta(days=1), "lies in the future"),
    ],
)
def test_a_landing_time_that_cannot_be_is_refused(
    settings: Settings, folder: Path, received_at: datetime, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ingest(settings, None, [folder / "plays-good.jsonl"], received_at)
    assert not Lake.open(settings).exists(RAW)


def test_files_are_landed_only_for_datasets_of_files(settings: Settings, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"Files are not landed for core\.plays"):
        ingest(settings, "core.plays", [folder])
    with pytest.raises(UnknownDatasetError):
        ingest(settings, "raw.player", [folder])


def test_one_bad_file_is_refused_by_name_and_the_others_land(settings: Settings, folder: Path) -> None:
    with pytest.raises(LandingRefusedError, match=r"1 of 2 files were refused: .*plays-bad.jsonl.gz") as refused:
        ingest(settings, None, [folder], LANDED)
    assert "plays-bad.jsonl.gz" in str(refused.value.facts["files"])
    assert ids(Lake.open(settings), RAW, "play_id") == ["a"]


def test_the_only_file_is_refused_with_its_own_error(settings: Settings, folder: Path) -> None:
    with pytest.raises(LandingRefusedError) as refused:
        ingest(settings, None, [folder / "plays-bad.jsonl.gz"], LANDED)
    assert "files were refused" not in refused.value.message


def test_a_table_that_cannot_be_read_keeps_no_other_from_landing(settings: Settings, folder: Path) -> None:
    (folder / "impressions-1.jsonl").write_text("{}\n")
    damaged = Lake.open(settings).ensure("raw.impressions").metadata_location
    Path(damaged.removeprefix("file://")).write_text("{}")
    with pytest.raises(UnreadableError, match=r"The metadata of raw\.impressions are damaged"):
        ingest(settings, None, [folder], LANDED)
    assert ids(Lake.open(settings), RAW, "play_id") == ["a"]


def test_a_report_says_what_came_of_a_file(settings: Settings, folder: Path) -> None:
    good = folder / "plays-good.jsonl"
    good.write_text(PLAY % "a" + PLAY.replace("}", ',"ab":1}') % "b" + "oops\n")
    first, again = (ingest(settings, None, [good], LANDED)[0] for _ in range(2))
    assert (first.rows.read, first.rows.out, first.rows.quarantined) == (3, 2, 1)
    assert (first.details["already"], first.details["note"]) == ("no", "unknown fields: ab (1)")
    assert (again.details["already"], again.details["note"]) == ("yes", "was there already: nothing was added")


def test_the_step_without_files_has_nothing_to_do(settings: Settings, folder: Path) -> None:
    assert step(settings, [str(folder / "*.parquet")]).details == {"files": 0}
    report = step(settings, [str(folder / "plays-good*")])
    assert (report.details, report.rows.out) == ({"files": 1}, 1)


def test_a_missing_folder_keeps_no_other_folder_from_landing(settings: Settings, folder: Path) -> None:
    with pytest.raises(LandingRefusedError, match=r"1 of 2 files were refused: .*gone is refused whole: it is not"):
        step(settings, [str(folder / "gone" / "plays*"), str(folder / "plays-good*")])
    assert ids(Lake.open(settings), RAW, "play_id") == ["a"]
    with pytest.raises(LandingRefusedError, match=r"gone is refused whole.* Next: Make it, or set MATINEE_LANDING_DIR"):
        step(settings, [str(folder / "gone" / "plays*")])


def test_days_are_closed_only_for_landed_events_and_not_beyond_tomorrow(settings: Settings) -> None:
    with pytest.raises(UsageError, match=r"Files are not landed for core\.plays"):
        close_through(settings, "core.plays", LANDED.date(), LANDED)
    with pytest.raises(UsageError, match="lies beyond tomorrow"):
        close_through(settings, RAW, LANDED.date() + timedelta(days=2), LANDED)
    with pytest.raises(UsageError, match="nothing was landed yet"):
        close_through(settings, RAW, LANDED.date(), LANDED)
