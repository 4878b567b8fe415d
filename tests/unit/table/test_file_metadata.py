"""What tables say of their files without reading a row: sizes, days, buckets, landing numbers, changes of commits."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyiceberg.table import Table
from tests.support.lakes import D1, D2, D3, arrow, core_play, land, make_lake, raw_play

from matinee.errors import SnapshotGoneError
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import (
    Cell,
    Slice,
    data_files,
    day_landing_seqs,
    day_sizes,
    file_bucket,
    file_day,
    landing_seq,
    partition_value,
    slice_files,
)
from matinee.table.snapshots import added_files, changed_files, since

RAW, PLAYS, DAY = "raw.plays", "core.plays", "event_day"
WHOLE = Slice(PLAYS, 1, D1, D3)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Landed: two rows of D1, then one row of D1 and one of D2. Published: one row in each of three cells."""
    lake = make_lake(tmp_path_factory.mktemp("lake"))
    land(lake, RAW, [raw_play(D1, "a"), raw_play(D1, "b")], seq=1)
    land(lake, RAW, [raw_play(D1, "c"), raw_play(D2, "d")], seq=2)
    table = lake.ensure(PLAYS)
    rows = [core_play(D1, "a"), core_play(D1, "b", profile_bucket=1), core_play(D2, "c", profile_bucket=1)]
    table.append(arrow(table, rows))
    return lake


@pytest.fixture
def raw(lake: Lake) -> Table:
    return lake.table(RAW)


@pytest.fixture
def plays(lake: Lake) -> Table:
    return lake.table(PLAYS)


def rows_of(table: Table, **wanted: object) -> dict[date, int]:
    return {day: size.rows for day, size in day_sizes(table, DAY, **wanted).items()}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "covered"),
    [
        (WHOLE, True),
        (replace(WHOLE, first=D2, last=D2), True),
        (replace(WHOLE, buckets=(1,)), True),
        (replace(WHOLE, dataset=RAW), False),
        (replace(WHOLE, snapshot_id=2), False),
        (replace(WHOLE, first=D1 - timedelta(days=1)), False),
        (replace(WHOLE, last=D3 + timedelta(days=1)), False),
    ],
)
def test_a_slice_covers_what_lies_within_its_days_at_its_snapshot(other: Slice, covered: bool) -> None:
    assert WHOLE.covers(other) is covered


@pytest.mark.parametrize(("buckets", "covered"), [((1,), True), ((1, 2), True), ((1, 3), False), (None, False)])
def test_a_slice_of_buckets_covers_no_other_bucket(buckets: tuple[int, ...] | None, covered: bool) -> None:
    assert replace(WHOLE, buckets=(1, 2)).covers(replace(WHOLE, buckets=buckets)) is covered


def test_cells_have_an_order_by_day_then_by_bucket() -> None:
    assert sorted([Cell(D2, 0), Cell(D1, 2), Cell(D1, 1)]) == [Cell(D1, 1), Cell(D1, 2), Cell(D2, 0)]


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ({}, {D1: 3, D2: 1}),
        ({"first": D1, "last": D1}, {D1: 3}),
        ({"first": D2}, {D2: 1}),
        ({"last": D1}, {D1: 3}),
        ({"first": D3}, {}),
    ],
)
def test_days_of_a_range_have_their_rows_both_ends_included(
    raw: Table, wanted: dict[str, date], rows: dict[date, int]
) -> None:
    assert rows_of(raw, **wanted) == rows


def test_a_day_is_as_large_as_its_files_together(raw: Table) -> None:
    files = [file for file in data_files(raw, DAY) if file_day(raw, file, DAY) == D1]
    size = day_sizes(raw, DAY)[D1]
    assert (size.rows, size.files) == (3, 2)
    assert size.bytes == sum(file.file_size_in_bytes for file in files)


def test_an_older_snapshot_has_the_rows_that_it_had(raw: Table) -> None:
    older = refs.ancestry(raw)[1]
    assert rows_of(raw, snapshot_id=older) == {D1: 2}
    assert (landing_seq(raw), landing_seq(raw, older), landing_seq(raw, refs.ancestry(raw)[-1])) == (2, 1, 0)


@pytest.mark.parametrize("ask", [day_sizes, lambda table, _, snapshot_id: landing_seq(table, snapshot_id)])
def test_a_snapshot_that_is_gone_is_no_empty_table(raw: Table, ask: object) -> None:
    with pytest.raises(SnapshotGoneError):
        ask(raw, DAY, snapshot_id=7)  # type: ignore[operator]


def test_each_day_has_the_highest_landing_number_of_its_rows(raw: Table) -> None:
    head = refs.head(raw)
    assert day_landing_seqs(raw, DAY, head, D1, D2) == {D1: 2, D2: 2}
    assert day_landing_seqs(raw, DAY, refs.ancestry(raw)[1], D1, D2) == {D1: 1}


@pytest.mark.parametrize(
    ("first", "last", "buckets", "cells"),
    [
        (D1, D2, None, [(D1, 0), (D1, 1), (D2, 1)]),
        (D1, D2, (1,), [(D1, 1), (D2, 1)]),
        (D1, D1, (0, 1), [(D1, 0), (D1, 1)]),
        (D2, D3, (0,), []),
    ],
)
def test_a_slice_has_the_files_of_its_days_and_buckets(
    plays: Table, first: date, last: date, buckets: tuple[int, ...] | None, cells: list[tuple[date, int]]
) -> None:
    files = slice_files(plays, DAY, Slice(PLAYS, refs.head(plays), first, last, buckets))
    assert sorted((file_day(plays, file, DAY), file_bucket(plays, file)) for file in files) == cells


def test_a_table_without_buckets_has_no_slice_of_some(raw: Table) -> None:
    [file, *_] = data_files(raw, DAY)
    assert file_bucket(raw, file) is None
    with pytest.raises(KeyError, match=r"raw\.plays is not kept by buckets"):
        list(slice_files(raw, DAY, Slice(RAW, refs.head(raw), D1, D1, (0,))))


def test_a_column_that_parts_no_files_has_no_value_of_a_file(plays: Table) -> None:
    [file, *_] = data_files(plays, DAY)
    assert partition_value(plays, file, "profile_bucket") in (0, 1)
    with pytest.raises(KeyError, match=r"core\.plays is not partitioned by title_id"):
        partition_value(plays, file, "title_id")


def test_a_commit_has_added_its_own_files_and_no_older_ones(raw: Table) -> None:
    newest, older, empty, *_ = refs.ancestry(raw)
    assert [file_day(raw, file, DAY) for file in added_files(raw, older)] == [D1]
    assert sorted(file_day(raw, file, DAY) for file in added_files(raw, newest)) == [D1, D2]
    assert added_files(raw, empty) == changed_files(raw, empty) == []
    with pytest.raises(SnapshotGoneError):
        added_files(raw, 7)


def test_a_commit_that_replaces_a_day_has_changed_old_files_and_new_ones(lake: Lake) -> None:
    table = refs.create_branch(lake.table(PLAYS), "experiment_x", refs.head(lake.table(PLAYS)))
    table.overwrite(arrow(table, [core_play(D2, "new")]), f"{DAY} = '{D2}'", branch="experiment_x")
    deletion, addition = refs.ancestry(table, refs.head(table, "experiment_x"))[1::-1]
    assert ([file.record_count for file in changed_files(table, deletion)], added_files(table, deletion)) == ([1], [])
    assert [file_bucket(table, file) for file in added_files(table, addition)] == [0]


def test_snapshots_since_a_base_come_newest_first_without_the_base(raw: Table) -> None:
    newest, older, empty, *_ = refs.ancestry(raw)
    assert since(raw, empty, newest) == [newest, older]
    assert since(raw, newest, newest) == []
    assert since(raw, newest, older) is None


def test_where_no_snapshot_tells_the_number_files_and_the_table_do(tmp_path: Path) -> None:
    table = make_lake(tmp_path).ensure(RAW)
    table.append(arrow(table, [raw_play(D1, landing_seq=5)]))
    assert landing_seq(table) == 5
    with table.transaction() as transaction:
        transaction.set_properties({"matinee.landing-seq": "8"})
    assert landing_seq(table) == 8
