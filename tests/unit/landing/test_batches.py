"""Batches that were cut off: the lake has all rows of a file, once and under their first landing, or no row."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import ids, kept

from matinee import faults
from matinee.errors import CommitConflictError, ConservationError
from matinee.landing import batches, lander
from matinee.landing.ingest import ingest
from matinee.landing.landed_files import landed, registered
from matinee.landing.lander import land
from matinee.landing.model import QUARANTINE, Batch, Landing
from matinee.sources.files.scan import scan
from matinee.sources.found import Found
from matinee.table.catalog import Lake
from matinee.table.landings import LANDINGS

RAW = "raw.plays"
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
LATER = LANDED + timedelta(hours=1)
PLAY = '{"play_id":"%s","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}\n'
#: Once a batch is noted, the next landing finishes it.
NOTED = ("ingest.after_prepared", "ingest.after_quarantine", "ingest.after_raw")


class KilledError(BaseException):
    """The process died."""


def fill(lake: Lake) -> None:
    for table in (RAW, QUARANTINE, batches.BATCHES, LANDINGS):
        lake.ensure(table)


kept_lake, lake = kept(fill)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A landing file of a good line and a bad one."""
    path = tmp_path / "plays-1.jsonl"
    path.write_text(PLAY % "a" + "oops\n")
    return path


@contextmanager
def killed(monkeypatch: pytest.MonkeyPatch, point: str) -> Iterator[None]:
    """Die at a point within a block."""

    def reach(reached: str) -> None:
        if reached == point:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(faults, "reach", reach)
        with pytest.raises(KilledError):
            yield


def die_at(monkeypatch: pytest.MonkeyPatch, lake: Lake, file: Path, point: str) -> None:
    """Land a file and die at a point."""
    with killed(monkeypatch, point):
        ingest(lake.settings, RAW, [file], LANDED)


def rows(lake: Lake) -> tuple[list[str], list[int]]:
    """The good rows, and the lines of the bad ones."""
    bad = lake.table(QUARANTINE).scan().to_arrow()["line"].to_pylist() if lake.exists(QUARANTINE) else []
    return (ids(lake, RAW, "play_id") if lake.exists(RAW) else []), sorted(bad)


def landings(lake: Lake) -> list[tuple[int, datetime]]:
    return [(landing.landing_seq, landing.received_ts) for landing in registered(lake, RAW)]


@pytest.mark.parametrize("point", NOTED)
def test_a_landing_that_was_cut_off_is_finished_once_with_its_own_time(
    lake: Lake, file: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    die_at(monkeypatch, lake, file, point)
    [report] = ingest(lake.settings, RAW, [file], LATER)
    assert report.details["already"] == "yes"
    assert rows(lake) == (["a"], [2])
    assert landings(lake) == [(1, LANDED)]
    assert batches.settle_idle(lake, RAW) == 0


def test_a_landing_that_died_before_its_registration_is_known_when_settled(
    lake: Lake, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_at(monkeypatch, lake, file, "ingest.after_raw")
    sha256 = scan(lake.settings, str(file)).sha256
    assert landed(lake, RAW, {sha256}) == {}
    assert batches.settle_idle(lake, RAW) == 1
    assert landed(lake, RAW, {sha256})[sha256].received_ts == LANDED
    assert batches.settle_idle(lake, RAW) == 0


def test_a_file_whose_landing_noted_nothing_is_landed_again(
    lake: Lake, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_at(monkeypatch, lake, file, "ingest.after_write")
    ingest(lake.settings, RAW, [file], LATER)
    assert (rows(lake), landings(lake)) == ((["a"], [2]), [(1, LATER)])


@pytest.mark.parametrize("name", ["https://api.example/plays?page=2", "https://api.example/plays.json"])
@pytest.mark.parametrize("point", ["ingest.after_write", *NOTED])
def test_lines_of_another_source_land_once_after_a_cut_off_landing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, point: str, name: str
) -> None:
    page = Found(name, RAW, content=(PLAY % "a" + "oops\n").encode())
    with killed(monkeypatch, point):
        list(land(lake, RAW, [page], LANDED))
    for _ in range(2):
        [outcome] = land(lake, RAW, [page], LATER)
        assert (outcome.refused, rows(lake), batches.prepared(lake, RAW)) == (None, (["a"], [2]), [])
    changed = replace(page, content=(PLAY % "b").encode())
    assert [page_outcome.is_new for page_outcome in land(lake, RAW, [page, changed], LATER)] == [False, True]
    assert ids(lake, RAW, "play_id") == ["a", "b"]
    assert [landing.file for landing in registered(lake, RAW)] == [name, name]


@pytest.mark.parametrize("point", NOTED[:2])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_batch_whose_file_is_changed_or_gone_is_taken_back(
    lake: Lake, file: Path, monkeypatch: pytest.MonkeyPatch, point: str, is_there: bool
) -> None:
    die_at(monkeypatch, lake, file, point)
    file.unlink()
    if is_there:
        file.write_text(PLAY % "b")
    assert batches.settle_idle(lake, RAW) == 0
    assert (rows(lake), landings(lake), batches.prepared(lake, RAW)) == (([], []), [], [])


def counting(monkeypatch: pytest.MonkeyPatch, **miscounted: int) -> None:
    """Replace the counts of each landing by wrong counts."""
    commit = batches.commit

    def other(lake: Lake, batch: Batch) -> list[Landing]:
        changed = tuple(replace(landing, **miscounted) for landing in batch.landings)  # type: ignore[arg-type]
        return commit(lake, replace(batch, landings=changed))

    monkeypatch.setattr(lander.batches, "commit", other)


@pytest.mark.parametrize("counted", [0, 2])
@pytest.mark.parametrize(("name", "table"), [("rows_landed", RAW), ("rows_quarantined", QUARANTINE)])
def test_a_batch_with_other_rows_than_were_counted_is_taken_back(
    lake: Lake, file: Path, monkeypatch: pytest.MonkeyPatch, name: str, table: str, counted: int
) -> None:
    counting(monkeypatch, **{name: counted})
    with pytest.raises(ConservationError, match=rf"1 rows of .* were written for {table}, {counted} were counted"):
        ingest(lake.settings, RAW, [file], LANDED)
    assert rows(lake)[0] == []
    assert (landings(lake), batches.prepared(lake, RAW)) == ([], [])


def test_a_batch_whose_number_another_landing_took_is_taken_back(
    lake: Lake, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, committed = batches.commit, list[Batch]()

    def keep(lake: Lake, batch: Batch) -> list[Landing]:
        committed.append(batch)
        return commit(lake, batch)

    monkeypatch.setattr(lander.batches, "commit", keep)
    ingest(lake.settings, RAW, [file], LANDED)
    again = replace(committed[0], batch_id="again", bad=())
    with pytest.raises(CommitConflictError, match="others landed first"):
        commit(lake, again)
    assert (rows(lake)[0], batches.prepared(lake, RAW)) == (["a"], [])


def test_a_commit_whose_batch_is_not_noted_is_told(lake: Lake) -> None:
    with pytest.raises(ConservationError, match=r"names the batch gone, of which ops\.landing_batches has no row"):
        batches.prepared_as(lake, "gone")


def test_two_files_of_one_batch_have_a_number_each(lake: Lake, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"plays-{name}.jsonl").write_text(PLAY % name)
    ingest(lake.settings, RAW, sorted(tmp_path.glob("plays-*")), LANDED)
    assert landings(lake) == [(1, LANDED), (2, LANDED)]
    rows_of_both = lake.table(RAW).scan(selected_fields=("play_id", "landing_seq")).to_arrow().to_pylist()
    assert sorted((row["play_id"], row["landing_seq"]) for row in rows_of_both) == [("a", 1), ("b", 2)]
