"""Landing as commits: the same bytes add nothing, also after a kill or beside another process."""

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.kills import die, points_of

from matinee.errors import CommitConflictError, LandingRefusedError, UnknownDatasetError, UsageError
from matinee.landing import lander
from matinee.landing.batches import prepared, settle_idle
from matinee.landing.ingest import ingest
from matinee.landing.landed_files import landed_after, registered
from matinee.landing.model import QUARANTINE
from matinee.report import Report
from matinee.settings import Settings
from matinee.sources.files.scan import scan
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import landing_seq
from matinee.table.landings import LANDINGS

pytestmark = pytest.mark.spark

PLAYS = "raw.plays"
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
GOOD = '{"play_id":"%s","profile_id":"ana","title_id":"t","start_ts":"%s"}\n'
NOON = "2026-03-01T12:00:00Z"
POINTS, FAST = points_of("ingest"), "ingest.after_quarantine"
#: Up to here no table has a row of the batch.
BEFORE = ("ingest.after_write", "ingest.after_prepared")
#: Lands the files that the first argument names, at the time of the second argument.
LAND = (
    "import sys; from datetime import datetime; from matinee.landing.ingest import ingest;"
    "from matinee.settings import load_settings;"
    "ingest(load_settings(), None, [sys.argv[1]], datetime.fromisoformat(sys.argv[2]))"
)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


def play(name: str, start: str = NOON) -> str:
    return GOOD % (name, start)


def rows(settings: Settings, dataset: str) -> list[dict[str, Any]]:
    lake = Lake.open(settings)
    return list(lake.table(dataset).scan().to_arrow().to_pylist()) if lake.exists(dataset) else []


def plays(settings: Settings) -> list[str]:
    return sorted(row["play_id"] for row in rows(settings, PLAYS))


def bad_lines(settings: Settings) -> list[tuple[int, str]]:
    return sorted((row["line"], row["reason"]) for row in rows(settings, QUARANTINE))


def branches(settings: Settings) -> set[str]:
    lake = Lake.open(settings)
    made = filter(lake.exists, (PLAYS, QUARANTINE))
    return {name for dataset in made for name in lake.table(dataset).metadata.refs}


def already(report: Report) -> bool:
    return report.details["already"] == "yes"


def test_the_same_bytes_landed_twice_add_nothing(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"), "oops\n")
    copy = write(tmp_path / "plays-2.jsonl", play("a"), "oops\n")
    [first, second] = ingest(settings, PLAYS, [path, copy], LANDED)
    [third] = ingest(settings, PLAYS, [copy], LANDED)
    assert [already(report) for report in (first, second, third)] == [False, True, True]
    assert third.details["file"] == str(path)
    assert plays(settings) == ["a"]
    assert bad_lines(settings) == [(2, "malformed_json")]
    assert len(registered(Lake.open(settings), PLAYS)) == 1


def test_files_land_once_on_every_catalog(any_settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"), "oops\n")
    reports = [ingest(any_settings, None, [path], LANDED)[0] for _ in range(2)]
    assert [already(report) for report in reports] == [False, True]
    assert plays(any_settings) == ["a"]
    assert bad_lines(any_settings) == [(2, "malformed_json")]
    assert branches(any_settings) == {refs.MAIN}


def test_a_file_without_a_good_row_is_known_as_well(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / "plays-bad.jsonl", "oops\n"), write(tmp_path / "plays-empty.jsonl")]
    ingest(settings, PLAYS, paths, LANDED)
    assert all(already(report) for report in ingest(settings, PLAYS, paths, LANDED))
    assert bad_lines(settings) == [(1, "malformed_json")]
    assert [(landing.rows_in, landing.landing_seq) for landing in registered(Lake.open(settings), PLAYS)] == [
        (1, 1),
        (0, 2),
    ]


def test_landing_numbers_rise_with_each_file_and_stand_in_its_rows(settings: Settings, tmp_path: Path) -> None:
    for number in (1, 2):
        ingest(settings, None, [write(tmp_path / f"plays-{number}.jsonl", play(str(number)))], LANDED)
    table = Lake.open(settings).table(PLAYS)
    rows = {row["play_id"]: row["landing_seq"] for row in table.scan().to_arrow().to_pylist()}
    assert rows == {"1": 1, "2": 2}
    assert landing_seq(table) == 2


def test_the_register_knows_bytes_whose_snapshot_expired(settings: Settings, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"plays-{number}.jsonl", play(str(number))) for number in (1, 2)]
    [first], _ = (ingest(settings, PLAYS, [path], LANDED) for path in paths)
    table = Lake.open(settings).table(PLAYS)
    table.maintenance.expire_snapshots().by_ids([first.snapshot_id or 0]).commit()
    assert already(ingest(settings, PLAYS, paths[:1], LANDED)[0])
    assert plays(settings) == ["1", "2"]


def test_a_truncated_file_is_refused_and_the_lake_is_as_it_was(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "plays-1.jsonl.gz"
    whole = gzip.compress(play("a").encode())
    path.write_bytes(whole[:-6])
    with pytest.raises(LandingRefusedError, match=r"plays-1.jsonl.gz is refused whole: its gzip is cut off"):
        ingest(settings, None, [path], LANDED)
    assert not Lake.open(settings).exists(PLAYS)
    path.write_bytes(whole)
    assert ingest(settings, None, [path], LANDED)[0].rows.out == 1


def test_a_refused_file_does_not_keep_the_others_from_landing(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path / "plays-1.parquet", "no parquet")
    write(tmp_path / "plays-2.jsonl", play("b"))
    with pytest.raises(LandingRefusedError, match=r"1 of 2 files were refused: .*plays-1.parquet"):
        ingest(settings, None, [tmp_path], LANDED)
    assert plays(settings) == ["b"]


def test_files_are_landed_for_raw_datasets_only(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"))
    with pytest.raises(UsageError, match=r"Files are not landed for core.plays"):
        ingest(settings, "core.plays", [path])
    with pytest.raises(UnknownDatasetError, match=r"raw.play"):
        ingest(settings, "raw.play", [path])
    with pytest.raises(UsageError, match="has no time zone"):
        ingest(settings, PLAYS, [path], datetime(2026, 3, 1))  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize("point", [p if p == FAST else pytest.param(p, marks=pytest.mark.slow) for p in POINTS])
def test_a_landing_that_was_killed_is_completed_by_the_next(settings: Settings, tmp_path: Path, point: str) -> None:
    # The third line is in the future for the first try only: the second try must judge it as the first did.
    path = write(tmp_path / "plays-1.jsonl", play("a"), "oops\n", play("late", "2026-03-03T00:00:00Z"))
    die(settings, point, tmp_path / "marker", "-c", LAND, str(path), LANDED.isoformat())
    quarantined = [(2, "malformed_json"), (3, "event_in_future")]
    assert bad_lines(settings) == ([] if point in BEFORE else quarantined)
    lake = Lake.open(settings)
    assert plays(settings) == (["a"] if point == "ingest.after_raw" else [])
    assert registered(lake, PLAYS) == []
    later = LANDED + timedelta(hours=1)
    ingest(settings, None, [path], later)
    assert plays(settings) == ["a"]
    assert bad_lines(settings) == quarantined
    assert branches(settings) == {refs.MAIN}
    [landing] = registered(lake, PLAYS)
    assert (landing.rows_in, landing.rows_landed, landing.rows_quarantined, landing.landing_seq) == (3, 1, 2, 1)
    # A prepared landing is completed as it was; a landing that was killed earlier left no trace.
    assert landing.received_ts == (later if point == "ingest.after_write" else LANDED)


@pytest.mark.parametrize("point", [p if p == FAST else pytest.param(p, marks=pytest.mark.slow) for p in POINTS[:3]])
@pytest.mark.parametrize("content", [None, "other\n"], ids=["gone", "changed"])
def test_a_killed_landing_of_a_changed_file_leaves_no_row(
    settings: Settings, tmp_path: Path, point: str, content: str | None
) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"), "oops\n")
    die(settings, point, tmp_path / "marker", "-c", LAND, str(path), LANDED.isoformat())
    path.unlink() if content is None else path.write_text(content)
    ingest(settings, None, [write(tmp_path / "plays-2.jsonl", play("b"), "{}\n")], LANDED)
    assert plays(settings) == ["b"]
    assert bad_lines(settings) == [(2, "missing_play_id")]
    assert prepared(Lake.open(settings), PLAYS) == []
    assert [landing.landing_seq for landing in registered(Lake.open(settings), PLAYS)] == [1]


def test_two_landers_of_folders_that_overlap_land_each_file_once(settings: Settings, tmp_path: Path) -> None:
    make_tables(settings)
    paths = [write(tmp_path / f"plays-{number}.jsonl", play(str(number)), f"oops {number}\n") for number in range(6)]
    with ThreadPoolExecutor(2) as pool:
        reports = [*pool.map(lambda some: ingest(settings, None, some, LANDED), (paths[:4], paths[2:]))]
    assert plays(settings) == [str(number) for number in range(6)]
    assert bad_lines(settings) == [(2, "malformed_json")] * 6
    assert sum(not already(report) for some in reports for report in some) == 6
    assert sorted(landing.landing_seq for landing in registered(Lake.open(settings), PLAYS)) == [1, 2, 3, 4, 5, 6]


def test_a_file_that_is_known_is_not_read_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = (write(tmp_path / f"plays-{name}.jsonl", play("a")) for name in ("1", "copy"))
    time.sleep(2.1)  # A file younger than two seconds is read again.
    ingest(settings, None, [path, copy], LANDED)
    read: list[str] = []
    monkeypatch.setattr(lander, "scan", lambda _, file: read.append(file) or scan(settings, file))
    assert all(already(report) for report in ingest(settings, None, [tmp_path], LANDED))
    assert read == []
    path.touch()
    assert already(ingest(settings, None, [path], LANDED)[0])
    assert read == [str(path)]
    assert [landing.rows_in for landing in registered(Lake.open(settings), PLAYS)] == [1]


def test_many_files_are_one_commit(settings: Settings, tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / f"plays-{number:02d}.jsonl", play(f"{number:02d}"))
    ingest(settings, None, [tmp_path], LANDED)
    table = Lake.open(settings).table(PLAYS)
    rows = table.scan().to_arrow().to_pylist()
    assert {row["play_id"]: row["landing_seq"] - 1 for row in rows} == {f"{n:02d}": n for n in range(20)}
    assert len(list(refs.summaries(table))) == 2
    assert [landing.landing_seq for landing in landed_after(Lake.open(settings), PLAYS, 17)] == [18, 19, 20]


def test_a_landing_is_registered_before_its_snapshot_expires(settings: Settings, tmp_path: Path) -> None:
    ingest(settings, None, [write(tmp_path / "plays-1.jsonl", play("a"))], LANDED)
    lake = Lake.open(settings)
    before = registered(lake, PLAYS)
    lake.catalog.drop_table(LANDINGS)
    assert settle_idle(lake, PLAYS) == 1
    assert registered(lake, PLAYS) == before
    assert settle_idle(lake, PLAYS) == 0


def make_tables(settings: Settings) -> None:
    lake = Lake.open(settings)
    for dataset in (PLAYS, QUARANTINE, LANDINGS):
        lake.ensure(dataset)


def test_files_landed_at_once_get_numbers_of_their_own(settings: Settings, tmp_path: Path) -> None:
    make_tables(settings)
    paths = [write(tmp_path / f"plays-{number}.jsonl", play(str(number)), "oops\n") for number in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda path: ingest(settings, None, [path], LANDED)[0], paths))
    assert sorted(int(report.details["landing_seq"]) for report in reports) == [1, 2]
    assert plays(settings) == ["1", "2"]
    assert bad_lines(settings) == [(2, "malformed_json")] * 2
    assert branches(settings) == {refs.MAIN}


def test_the_same_bytes_landed_at_once_are_landed_once(settings: Settings, tmp_path: Path) -> None:
    make_tables(settings)
    path = write(tmp_path / "plays-1.jsonl", play("a"), "oops\n")

    def land(hour: int) -> None:
        at = datetime(2026, 3, 1, hour, tzinfo=UTC)
        try:
            ingest(settings, None, [path], at)
        except CommitConflictError:
            ingest(settings, None, [path], at)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(land, (20, 21)))
    assert plays(settings) == ["a"]
    assert bad_lines(settings) == [(2, "malformed_json")]
    assert branches(settings) == {refs.MAIN}
    [landing] = registered(Lake.open(settings), PLAYS)
    rows = Lake.open(settings).table(QUARANTINE).scan().to_arrow().to_pylist()
    assert {row["received_ts"] for row in rows} == {landing.received_ts}


def test_a_report_says_what_became_of_the_file(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "plays-1.jsonl", play("a"), "oops\n", "{}\n")
    [report] = ingest(settings, PLAYS, [path], LANDED)
    assert (report.step, report.dataset) == ("ingest", PLAYS)
    assert report.rows.model_dump(by_alias=True) == {"in": 3, "out": 1, "quarantined": 2, "duplicate": 0}
    assert report.snapshot_id == refs.head(Lake.open(settings).table(PLAYS))
    assert report.details["file"] == str(path)
    assert json.loads(str(report.details["reasons"])) == {"malformed_json": 1, "missing_play_id": 1}
