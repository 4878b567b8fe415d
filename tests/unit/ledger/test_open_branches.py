"""Open branches: what is at work on a table, and which cells change; rows are written by PyIceberg alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, PLANNED, arrow, core_play, make_lake, overwrite, prepare, raw_play
from tests.support.loads import by_dataset, counted_loads

from matinee.ledger.ledger import history, record
from matinee.ledger.model import Run
from matinee.ledger.open_branches import Work, open_work
from matinee.ledger.recovery import abandoned
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS, RAW = "core.plays", "raw.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def heal(lake: Lake, buckets: tuple[int, ...], identity: str = "core_plays_20260301_h1") -> Run:
    """Write rows of one day and some buckets on an audit branch, not judged yet."""
    table = lake.ensure(PLAYS)
    base = refs.head(table)
    run = Run(identity, PLAYS, str(D1), D1, D1, base, (), "1.0.0", "test", PLANNED, buckets=buckets)
    table = refs.create_branch(table, run.branch, base)
    rows = [core_play(D1, f"h{bucket}", profile_bucket=bucket) for bucket in buckets]
    table.append(arrow(table, rows), snapshot_properties=run.to_summary(), branch=run.branch)
    return run


def touched(work: Work) -> list[tuple[str, int]]:
    return [(str(day), bucket) for day in (D1, D2) for bucket in (0, 3) if work.touches(day, bucket)]


def test_a_heal_changes_its_buckets_of_its_day_and_no_other_cell(lake: Lake) -> None:
    run = heal(lake, (3, 5))
    [work] = open_work(lake, PLAYS)
    assert (work.branch, work.run, work.base) == (run.branch, run, run.base_snapshot_id)
    assert touched(work) == [("2026-03-01", 3)]
    assert work.touches(D1, None)


def test_a_run_that_derives_its_whole_day_changes_every_bucket(lake: Lake) -> None:
    prepare(lake, PLAYS, D1, [core_play(D1)])
    [work] = open_work(lake, PLAYS)
    assert touched(work) == [("2026-03-01", 0), ("2026-03-01", 3)]


@pytest.mark.parametrize(("key", "days"), [("20260301", {D1}), ("20260301_20260302", {D1, D2})])
def test_a_run_that_has_written_nothing_yet_changes_the_days_of_its_name(
    lake: Lake, key: str, days: set[object]
) -> None:
    table = lake.ensure(PLAYS)
    refs.create_branch(table, f"audit_core_plays_{key}_r1", refs.head(table))
    [work] = open_work(lake, PLAYS)
    assert (work.run, work.base) == (None, refs.head(table))
    assert {day for day in (D1, D2) if work.touches(day, 0)} == days


def test_a_replay_changes_what_its_run_does(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    table = lake.table(PLAYS)
    branch = f"replay_{run.publication_id}"
    table = refs.create_branch(table, branch, refs.head(table))
    table.append(arrow(table, [core_play(D1)]), snapshot_properties=run.to_summary(), branch=branch)
    works = {work.branch: touched(work) for work in open_work(lake, PLAYS)}
    assert works[branch] == works[run.branch] == [("2026-03-01", 0), ("2026-03-01", 3)]


def test_a_landing_changes_the_days_of_its_files(lake: Lake) -> None:
    table = lake.ensure(RAW)
    table = refs.create_branch(table, "landing_ab", refs.head(table))
    table.append(arrow(table, [raw_play(D2)]), branch="landing_ab")
    [work] = open_work(lake, RAW)
    assert [day for day in (D1, D2) if work.touches(day, None)] == [D2]


def test_a_publication_on_main_whose_branch_is_left_is_not_at_work(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    table = lake.table(PLAYS)
    refs.publish_snapshot(table, refs.head(table, run.branch), expected=run.base_snapshot_id)
    assert list(open_work(lake, PLAYS)) == []


def test_a_refused_attempt_is_not_at_work_until_it_is_made_again(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    [prepared] = history(lake, PLAYS).all()
    record(lake, [replace(abandoned(prepared, "a blocking audit failed"))])
    assert list(open_work(lake, PLAYS)) == []
    overwrite(lake.table(PLAYS), run, [core_play(D1, "p2")], "event_day")
    assert [work.run for work in open_work(lake, PLAYS)] == [run]


def test_experiments_are_not_at_work_on_main(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    refs.create_branch(table, "experiment_wide", refs.head(table))
    assert list(open_work(lake, PLAYS)) == []


def test_of_a_table_without_branches_at_work_the_ledger_is_not_asked(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    refs.remove(lake.table(PLAYS), run.branch, expected=refs.head(lake.table(PLAYS), run.branch))
    with counted_loads() as loads:
        assert list(open_work(lake, PLAYS)) == []
    assert by_dataset(loads) == {PLAYS: 1}
