"""Compaction beside other writers: slices of free cells are proven, and published or compacted again."""

import json
from pathlib import Path

import pytest
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from tests.support.kills import die, points_of
from tests.support.lakes import D1, D2, PLANNED, arrow, core_play, ids, land, land_days, raw_play
from tests.support.world import rearrange

from matinee.contracts.model import Contract
from matinee.errors import ConservationError
from matinee.ledger.compactions import COMPACTIONS, measured, proven
from matinee.ledger.model import Run
from matinee.maintenance import cells, compaction
from matinee.maintenance.leftovers import clean, leftovers
from matinee.publication.request import RunRequest
from matinee.publication.steps import audit, publish, run, write
from matinee.settings import CHECKOUT, Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import replace_files
from matinee.table.files import Slice, partition_value, slice_files
from matinee.table.snapshots import changed_files

pytestmark = pytest.mark.spark
RAW, PLAYS = "raw.plays", "core.plays"
POINTS = points_of("compact")
FAST = "compact.after_record"


def many_files(lake: Lake, count: int = 9) -> list[str]:
    names = [f"p{number}" for number in range(count)]
    for number, name in enumerate(names, start=1):
        land(lake, RAW, [raw_play(D1, name)], seq=number, close=False)
    return names


def many_cells(lake: Lake, buckets: tuple[int, ...], count: int = 9) -> list[str]:
    """Commit files of one row each to each of the buckets of the first day; return the plays."""
    table = lake.ensure(PLAYS)
    for number in range(count):
        rows = [core_play(D1, f"p{number}_{bucket}", profile_bucket=bucket) for bucket in buckets]
        table.append(arrow(table, rows))
    return sorted(f"p{number}_{bucket}" for number in range(count) for bucket in buckets)


def counted(report_details: dict[str, str | int], *names: str) -> list[str | int]:
    return [report_details[name] for name in names]


def files_in(lake: Lake, bucket: int) -> int:
    table = lake.table(PLAYS)
    return len(list(slice_files(table, "event_day", Slice(PLAYS, refs.head(table), D1, D1, (bucket,)))))


def test_small_files_are_compacted_and_the_rows_proven_equal(settings: Settings) -> None:
    lake = Lake.open(settings)
    names = many_files(lake)
    report = compaction.compact(settings, RAW)
    assert counted(report.details, "slices", "cells", "files_before", "files_after", "given_up") == [1, 1, 9, 1, 0]
    assert int(report.details["bytes_before"]) > int(report.details["bytes_after"]) > 0
    assert report.days == (D1,)
    assert ids(lake, RAW, "play_id") == names
    table = lake.table(RAW)
    assert proven(lake, table, [refs.head(table)])
    assert set(table.metadata.refs) == {"main"}
    assert measured(lake, RAW) == [(report.details["bytes_before"], report.seconds["rewrite"])]


def test_a_day_with_few_files_is_left_alone(settings: Settings) -> None:
    lake = Lake.open(settings)
    many_files(lake, 3)
    assert compaction.compact(settings, RAW).details["slices"] == 0


def test_only_cells_without_an_open_branch_are_compacted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "slice_bytes", lambda *_: 2**30)
    lake = Lake.open(settings)
    names = many_cells(lake, tuple(range(13)), count=5)
    table = lake.table(PLAYS)
    main = refs.head(table)
    heal = Run("core_plays_20260301_h", PLAYS, str(D1), D1, D1, main, (), "1", "t", PLANNED, buckets=(1,))
    table = refs.create_branch(table, heal.branch, main)
    table.append(arrow(table, [core_play(D1, profile_bucket=1)]), heal.to_summary(), branch=heal.branch)
    report = compaction.compact(settings, PLAYS)
    assert counted(report.details, "slices", "cells", "files_before", "files_after") == [1, 12, 60, 12]
    assert [files_in(lake, bucket) for bucket in (0, 1, 2)] == [1, 5, 1]
    assert ids(lake, PLAYS, "play_id") == names


def test_the_gap_between_commits_is_that_of_others_not_of_compactions(settings: Settings) -> None:
    lake = Lake.open(settings)
    many_cells(lake, (0,), count=4)
    made = cells._commits_of_others(lake, PLAYS)
    assert len(made) == 5  # The first commit made the table.
    rearrange(lake, PLAYS, D1, "compact_test")
    table = lake.table(PLAYS)
    refs.publish_snapshot(table, refs.head(table, "compact_test"), expected=refs.head(table))
    assert cells._commits_of_others(lake, PLAYS) == made


def test_a_slice_is_one_commit_with_a_proof_of_each_cell(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "slice_bytes", lambda *_: 1)
    lake = Lake.open(settings)
    names = many_cells(lake, (0, 7))
    report = compaction.compact(settings, PLAYS)
    assert counted(report.details, "slices", "cells", "files_after") == [2, 2, 2]
    table = lake.table(PLAYS)
    slices = refs.ancestry(table)[:2]
    assert proven(lake, table, slices) == set(slices)
    changed = [
        {partition_value(table, file, "profile_bucket") for file in changed_files(table, snapshot_id)}
        for snapshot_id in slices
    ]
    assert changed in ([{0}, {7}], [{7}, {0}])
    rows = lake.table(COMPACTIONS).scan().to_arrow().to_pylist()
    proofs = {bucket: proof for row in rows for bucket, proof in json.loads(row["cells"]).items()}
    assert {bucket: count for bucket, (count, _) in proofs.items()} == {"0": 9, "7": 9}
    assert {row["row_hash"] for row in rows} == {total for _, total in proofs.values()}
    assert ids(lake, PLAYS, "play_id") == names


@pytest.mark.parametrize("kept", [9, 8], ids=["another value", "a row less"])
def test_a_compaction_that_changed_rows_is_refused_and_main_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    lake = Lake.open(settings)
    names = many_files(lake)

    def change_a_row(spark: object, lake_settings: Settings, branch: str, contract: Contract, wanted: Slice) -> None:
        table = lake.table(wanted.dataset)
        first, *_ = slice_files(table, contract.day_column or "", wanted)
        repeat = arrow(table, [raw_play(D1, "p1")] * (kept - 8))  # In the place of another play.
        replace_files(table, branch, [first], _dataframe_to_data_files(table.metadata, repeat, table.io), {})

    monkeypatch.setattr(compaction, "rewrite_slice", change_a_row)
    with pytest.raises(ConservationError, match=f"9 rows before, {kept} after"):
        compaction.compact(settings, RAW)
    assert ids(lake, RAW, "play_id") == names


def test_a_compaction_that_touched_cells_without_a_proof_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(settings)
    many_files(lake)
    land(lake, RAW, [raw_play(D2, "other")], seq=10, close=False)
    head = refs.head(lake.table(RAW))
    rewrite = compaction.rewrite_slice

    def rewrite_more(*arguments: object) -> None:
        rewrite(*arguments[:-1], Slice(RAW, head, D1, D2))  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "rewrite_slice", rewrite_more)
    with pytest.raises(ConservationError, match="2 files of other cells"):
        compaction.compact(settings, RAW)
    assert refs.head(lake.table(RAW)) == head


@pytest.mark.parametrize(("races", "given_up"), [(1, 0), (99, 1)], ids=["once", "every time"])
def test_main_that_moves_while_a_slice_is_compacted_keeps_the_new_rows(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    races: int,
    given_up: int,
) -> None:
    lake = Lake.open(settings)
    names = many_files(lake)
    rewrite, late = compaction.rewrite_slice, []

    def race(*arguments: object) -> None:
        rewrite(*arguments)  # type: ignore[arg-type]
        if len(late) < races:
            late.append(f"z{len(late)}")
            land(lake, RAW, [raw_play(D1, late[-1])], seq=10 + len(late), close=False)

    monkeypatch.setattr(compaction, "rewrite_slice", race)
    report = compaction.compact(settings, RAW)
    assert counted(report.details, "slices", "given_up") == [1 - given_up, given_up]
    assert ids(lake, RAW, "play_id") == [*names, *late]
    assert ("tries to compact 2026-03-01" in caplog.text) == bool(given_up)
    assert set(lake.table(RAW).metadata.refs) == {"main"}


def test_a_publication_is_replayed_past_a_proven_compaction_of_its_own_day(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, on_sail = Lake.open(settings), settings.model_copy(update={"engine": "sail"})
    land_days(lake, D1)
    run(on_sail, RunRequest(PLAYS, D1, D1))
    many_cells(lake, (7,))
    identity = write(on_sail, RunRequest(PLAYS, D1, D1, attempt="ours")).publication_id or ""
    audit(on_sail, PLAYS, identity)
    # As if the run had begun after the compactor looked.
    monkeypatch.setattr(cells, "open_work", lambda *_: ())
    assert compaction.compact(settings, PLAYS).details["slices"] == 1
    assert publish(on_sail, PLAYS, identity).replayed
    assert ids(lake, PLAYS, "play_id") == ["o1", "p1"]


@pytest.mark.parametrize("point", [p if p == FAST else pytest.param(p, marks=pytest.mark.slow) for p in POINTS])
def test_a_killed_compaction_leaves_main_right_and_a_branch_to_clean(
    settings: Settings, tmp_path: Path, point: str
) -> None:
    lake = Lake.open(settings)
    names = many_files(lake)
    main = refs.head(lake.table(RAW))
    job = str(CHECKOUT / "jobs" / "maintain.py")
    die(settings, point, tmp_path / "marker", job, "--what", "compact", "--dataset", RAW)
    table = lake.table(RAW)
    moved = point == "compact.after_move"
    assert (refs.head(table) != main) == moved
    assert not moved or proven(lake, table, [refs.head(table)])
    assert ids(lake, RAW, "play_id") == names
    [leftover] = leftovers(lake)
    assert leftover.branch == "compact_raw_plays_20260301"
    clean(lake, leftover)
    assert compaction.compact(settings, RAW).details["slices"] == (0 if moved else 1)
    assert ids(lake, RAW, "play_id") == names
    assert set(lake.table(RAW).metadata.refs) == {"main"}
