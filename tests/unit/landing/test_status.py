"""What `matinee landing status` says of files, and where `--archive-to` puts files."""

import errno
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from tests.support.kills import die
from tests.support.lakes import make_lake

from matinee.cli.main import main
from matinee.errors import LandingRefusedError, NotArchivedError, UsageError
from matinee.landing.ingest import ingest
from matinee.landing.status import status
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.manifests import declared

LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
PLAY = '{"play_id":"%s","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}\n'
LAND = "import sys; from matinee.landing.ingest import ingest; from matinee.settings import load_settings;"
LAND += "ingest(load_settings(), None, [sys.argv[1]])"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_lake(tmp_path / "home").settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "plays-1.jsonl").write_text(PLAY % "a")
    return tmp_path / "landing"


def states(settings: Settings, *paths: Path) -> dict[str, str]:
    return {Path(row.file).name: row.state for row in status(Lake.open(settings), None, paths)}


def notes(settings: Settings, folder: Path, *, rehash: bool = False, archive_to: Path | None = None) -> dict[str, str]:
    target = str(archive_to) if archive_to else None
    reports = ingest(settings, None, [folder], LANDED, rehash=rehash, archive_to=target)
    return {Path(str(report.details["file"])).name: str(report.details["note"]) for report in reports}


def test_each_file_has_a_state(settings: Settings, folder: Path) -> None:
    ingest(settings, None, [folder], LANDED)
    (folder / "plays-copy.jsonl").write_text(PLAY % "a")
    (folder / "plays-new.jsonl").write_text(PLAY % "b")
    (folder / "plays-bad.jsonl.gz").write_bytes(b"no gzip")
    (folder / "plays-bad.parquet").write_bytes(b"no Parquet")
    assert states(settings, folder) == {
        "plays-1.jsonl": "landed",
        "plays-copy.jsonl": "copy",
        "plays-new.jsonl": "new",
        "plays-bad.jsonl.gz": "refused",
        "plays-bad.parquet": "refused",
    }
    assert len(Lake.open(settings).table("raw.plays").scan().to_arrow()) == 1


def test_each_manifest_has_a_state(settings: Settings, folder: Path) -> None:
    day = {"dataset": "raw.plays", "day": "2026-03-01", "expected_rows": 1, "closed": False}
    (folder / "manifest-1.jsonl").write_text(json.dumps(day))
    ingest(settings, None, [folder], LANDED)
    (folder / "manifest-2.jsonl").write_text(json.dumps(day | {"expected_rows": 2}))
    (folder / "manifest-bad.jsonl").write_text(json.dumps(day | {"day": "9999-01-01"}))
    wanted = {"plays-1": "landed", "manifest-1": "landed", "manifest-2": "new", "manifest-bad": "refused"}
    assert states(settings, folder) == {f"{name}.jsonl": state for name, state in wanted.items()}


def test_a_landing_that_was_cut_off_is_prepared_until_the_next(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    die(settings, "ingest.after_prepared", tmp_path / "marker", "-c", LAND, str(folder))
    assert states(settings) == {"plays-1.jsonl": "prepared"}
    ingest(settings, None, [folder], LANDED)
    assert states(settings) == {}


def test_the_command_shows_them(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(settings.home))
    main(["landing", "status", "--from", str(folder), "--output", "json"])
    [row] = json.loads(capsys.readouterr().out)
    assert (row["state"], row["file"]) == ("new", str(folder / "plays-1.jsonl"))


def test_landed_files_are_archived_and_nothing_is_overwritten(settings: Settings, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "landed"
    assert "moved to" in notes(settings, folder, archive_to=archive)["plays-1.jsonl"]
    assert [file.name for file in archive.iterdir()] == ["plays-1.jsonl"]
    assert list(folder.iterdir()) == []
    (folder / "plays-1.jsonl").write_text(PLAY % "b")
    with pytest.raises(NotArchivedError, match=r"plays-1.jsonl is landed and stays where it is: .* is there already"):
        notes(settings, folder, archive_to=archive)
    assert (archive / "plays-1.jsonl").read_text() == PLAY % "a"
    assert (folder / "plays-1.jsonl").read_text() == PLAY % "b"


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_an_archived_file_is_open_to_nobody_else_than_before(
    settings: Settings, folder: Path, tmp_path: Path, mode: int
) -> None:
    (folder / "plays-1.jsonl").chmod(mode)
    before = os.umask(0)
    try:
        notes(settings, folder, archive_to=tmp_path / "landed")
    finally:
        os.umask(before)
    assert (tmp_path / "landed" / "plays-1.jsonl").stat().st_mode & 0o777 == mode


def test_days_are_closed_though_an_archive_cannot_be_written(
    settings: Settings,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(settings.home))
    (tmp_path / "landed").write_text("no folder")
    words = ["--from", str(folder), "--close-through", "2026-03-01", "--archive-to", str(tmp_path / "landed")]
    with pytest.raises(SystemExit) as ended:
        main(["ingest", "raw.plays", *words, "--output", "json"])
    assert ended.value.code == 1
    told = capsys.readouterr()
    assert [row["note"] for row in json.loads(told.out)] == ["2026-03-01 closed"]
    assert '"NotArchivedError"' in told.err
    assert {day for _, day in declared(Lake.open(settings))} == {date(2026, 3, 1)}


def test_a_file_whose_copy_a_killed_call_has_left_goes(settings: Settings, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "landed"
    archive.mkdir()
    (archive / "plays-1.jsonl").write_text(PLAY % "a")
    assert "moved to" in notes(settings, folder, archive_to=archive)["plays-1.jsonl"]
    assert (list(folder.iterdir()), (archive / "plays-1.jsonl").read_text()) == ([], PLAY % "a")


def test_an_unreadable_file_does_not_remove_the_archived_file_of_its_name(
    settings: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "landed"
    archive.mkdir()
    (archive / "plays-1.jsonl").write_text(PLAY % "b")
    monkeypatch.setattr("matinee.landing.archive.identity", refuse)
    with pytest.raises(NotArchivedError, match="Permission denied"):
        notes(settings, folder, archive_to=archive)
    assert (archive / "plays-1.jsonl").read_text() == PLAY % "b"


def refuse(_: object, file: str) -> str:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), file)


def test_an_archive_that_cannot_be_written_fails_after_all_was_landed(
    settings: Settings,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(settings.home))
    (folder / "plays-2.jsonl").write_text(PLAY % "b")
    (tmp_path / "landed").write_text("no folder")
    with pytest.raises(SystemExit) as ended:
        main(["ingest", "--from", str(folder), "--archive-to", str(tmp_path / "landed"), "--output", "json"])
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert '"NotArchivedError"' in told
    assert "2 of 2 files were not archived" in told
    assert states(settings, folder) == {"plays-1.jsonl": "landed", "plays-2.jsonl": "landed"}
    (tmp_path / "landed").unlink()
    assert all("moved to" in note for note in notes(settings, folder, archive_to=tmp_path / "landed").values())


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that cannot be listed; `ls` fails by a patch, because root can list a folder without rights."""
    locked, listed = tmp_path / "locked", LocalFileSystem.ls
    locked.mkdir()

    def ls(files: LocalFileSystem, path: str, **options: object) -> object:
        return refuse(files, path) if Path(path) == locked else listed(files, path, **options)

    monkeypatch.setattr(LocalFileSystem, "ls", ls)
    return locked


def test_a_folder_that_cannot_be_listed_does_not_keep_others_from_landing(
    settings: Settings, folder: Path, locked: Path
) -> None:
    with pytest.raises(LandingRefusedError, match=r"1 of 2 files .*/locked is refused whole: it cannot be listed"):
        ingest(settings, None, [locked, folder], LANDED)
    assert states(settings, folder) == {"plays-1.jsonl": "landed"}


def test_paths_without_files_are_told_beside_the_others(settings: Settings, folder: Path, locked: Path) -> None:
    by_name = states(settings, folder / "missing", locked, folder)
    assert by_name == {"missing": "refused", "locked": "refused", "plays-1.jsonl": "new"}


@pytest.mark.parametrize("first", [True, False])
def test_a_folder_that_is_missing_does_not_keep_others_from_landing(
    settings: Settings,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    first: bool,
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(settings.home))
    paths = [folder / "missing", folder]
    with pytest.raises(SystemExit) as ended:
        main(["ingest", *(word for path in (paths if first else paths[::-1]) for word in ("--from", str(path)))])
    assert ended.value.code == 1
    assert "1 of 2 files were refused: There is no file to land at" in capsys.readouterr().err
    assert states(settings, folder) == {"plays-1.jsonl": "landed"}


def test_paths_without_any_file_are_refused_together(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(LandingRefusedError, match=r"2 of 2 files were refused: .*/a.*/b"):
        ingest(settings, None, [tmp_path / "a", tmp_path / "b"], LANDED)
    with pytest.raises(UsageError, match="There is no file to land at"):
        ingest(settings, None, [tmp_path / "a"], LANDED)


def test_a_file_that_was_refused_is_not_archived(settings: Settings, folder: Path, tmp_path: Path) -> None:
    (folder / "plays-bad.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(LandingRefusedError):
        notes(settings, folder, archive_to=tmp_path / "landed")
    assert [file.name for file in folder.iterdir()] == ["plays-bad.jsonl.gz"]
    assert [file.name for file in (tmp_path / "landed").iterdir()] == ["plays-1.jsonl"]


def test_a_file_that_is_written_to_after_it_was_landed_is_not_archived(
    settings: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matinee.landing import ingest as steps

    archive = steps.archive

    def later(*arguments: object) -> str:
        (folder / "plays-1.jsonl").write_text(PLAY % "b")
        return archive(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "archive", later)
    assert "written to since" in notes(settings, folder, archive_to=tmp_path / "landed")["plays-1.jsonl"]
    assert list((tmp_path / "landed").iterdir()) == []
    assert (folder / "plays-1.jsonl").read_text() == PLAY % "b"
