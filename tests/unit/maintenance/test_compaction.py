"""Compaction without an engine: which cells are left alone, and what a rewrite that cannot be relied on moves."""

from collections.abc import Iterator

import pytest
from tests.support.lakes import D1, arrow, core_play, ids, kept, land, prepare, raw_play
from tests.support.ticks import without_engine

from matinee.errors import ConservationError
from matinee.ledger.compactions import measured
from matinee.maintenance import compaction
from matinee.maintenance.cells import free_cells, plan_compaction
from matinee.maintenance.compaction import TRIES, compact, compact_slice
from matinee.report import Report
from matinee.table import names, refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"
PLAY_IDS = [f"p{number}" for number in range(9)]


def fill(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    for name in PLAY_IDS:
        table.append(arrow(table, [core_play(D1, name)]))


kept_lake, lake = kept(fill)


@pytest.fixture(autouse=True)
def engine() -> Iterator[None]:
    with without_engine():
        yield


def counted(report: Report) -> list[object]:
    return [report.details[name] for name in ("slices", "files_before", "files_after", "given_up")]


def branches(lake: Lake) -> set[str]:
    return set(lake.table(PLAYS).metadata.refs) - {refs.MAIN}


def test_many_files_of_a_cell_become_one_and_its_rows_stay(lake: Lake) -> None:
    report = compact(lake.settings, PLAYS)
    assert (counted(report), report.days) == ([1, 9, 1, 0], (D1,))
    assert (ids(lake, PLAYS, "play_id"), branches(lake)) == (PLAY_IDS, set())
    assert [size > 0 for size, _ in measured(lake, PLAYS)] == [True]


def test_what_was_compacted_is_not_worth_it_again(lake: Lake) -> None:
    compact(lake.settings, PLAYS)
    head = refs.head(lake.table(PLAYS))
    assert counted(compact(lake.settings, PLAYS)) == [0, 0, 0, 0]
    assert refs.head(lake.table(PLAYS)) == head


def test_a_dataset_without_a_table_has_nothing_to_compact(lake: Lake) -> None:
    assert counted(compact(lake.settings, "core.impressions")) == [0, 0, 0, 0]


def test_small_files_of_the_quarantine_are_gathered(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1)])
    report = compact(lake.settings, "ops.manifests")
    assert report.details == {"files_before": 1, "files_after": 1}


def test_a_cell_with_an_open_branch_is_left_alone(lake: Lake) -> None:
    prepare(lake, PLAYS, D1, [core_play(D1, "other")])
    assert free_cells(lake, lake.registry.get(PLAYS)) == []
    assert counted(compact(lake.settings, PLAYS)) == [0, 0, 0, 0]


def test_a_branch_that_a_killed_compaction_left_holds_up_nothing(lake: Lake) -> None:
    left = f"{names.COMPACT}core_plays_{D1:%Y%m%d}"
    refs.create_branch(lake.table(PLAYS), left, refs.head(lake.table(PLAYS)))
    assert (counted(compact(lake.settings, PLAYS)), branches(lake)) == ([1, 9, 1, 0], set())


def raced(lake: Lake, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Have another process commit to the cell during each of the first tries."""
    left, rewrite = [times], compaction.rewrite_slice

    def rewritten(*arguments: object) -> None:
        if left[0]:
            left[0] -= 1
            table = lake.table(PLAYS)
            table.append(arrow(table, [core_play(D1, f"q{left[0]}")]))
        rewrite(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "rewrite_slice", rewritten)


def test_a_slice_under_which_main_moved_is_compacted_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    raced(lake, monkeypatch, TRIES - 1)
    assert counted(compact(lake.settings, PLAYS)) == [1, 9 + TRIES - 1, 1, 0]
    assert ids(lake, PLAYS, "play_id") == [*PLAY_IDS, *(f"q{number}" for number in range(TRIES - 1))]


def test_a_slice_is_given_up_where_main_moves_each_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    raced(lake, monkeypatch, TRIES)
    assert (counted(compact(lake.settings, PLAYS)), branches(lake)) == ([0, 0, 0, 1], set())


@pytest.mark.parametrize("count", [8, 9, 10])
def test_rows_that_are_lost_changed_or_invented_never_reach_main(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    hashes = [{0: (9, "before")}, {0: (count, "after")}]
    monkeypatch.setattr(compaction, "row_hashes", lambda *_: hashes.pop(0))
    head = refs.head(lake.table(PLAYS))
    with pytest.raises(ConservationError, match=rf"9 rows before, {count} after, or other values, in 1 cells"):
        compact(lake.settings, PLAYS)
    assert (refs.head(lake.table(PLAYS)), len(branches(lake))) == (head, 1)
    assert measured(lake, PLAYS) == []


def test_a_cell_that_others_made_small_meanwhile_is_left_alone(lake: Lake) -> None:
    contract = lake.registry.get(PLAYS)
    [wanted] = plan_compaction(lake, contract)
    compact(lake.settings, PLAYS)
    assert compact_slice(None, lake, contract, wanted) is None  # type: ignore[arg-type]
