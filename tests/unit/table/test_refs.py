"""Every function that moves a reference loses against a writer that came between its load and its commit."""

import json
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from tests.support.lakes import D1, arrow, core_play, make_lake

from matinee.errors import CommitConflictError, SnapshotGoneError, UsageError
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    lake.ensure(PLAYS)
    return lake


def append(lake: Lake, play_id: str, branch: str = "main") -> int:
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, play_id)]), branch=branch)
    return refs.head(table.refresh(), branch)


def test_main_moves_to_a_descendant(lake: Lake) -> None:
    table = lake.table(PLAYS)
    base = refs.head(table)
    refs.create_branch(table, "work", base)
    written = append(lake, "p1", "work")
    table = refs.publish_snapshot(lake.table(PLAYS), written, expected=base)
    assert refs.head(table) == written


def test_a_line_goes_from_a_snapshot_back_to_the_oldest_that_is_kept(lake: Lake) -> None:
    base = refs.head(lake.table(PLAYS))
    first, second = append(lake, "p1"), append(lake, "p2")
    table = lake.table(PLAYS)
    assert [snapshot.snapshot_id for snapshot in refs.line(table)] == [second, first, base]
    assert refs.ancestry(table, first) == [first, base]
    assert [summary.get("added-records") for _, summary in refs.summaries(table, first)] == ["1", None]


def test_main_does_not_move_to_what_does_not_descend_from_it(lake: Lake) -> None:
    table = lake.table(PLAYS)
    refs.create_branch(table, "work", refs.head(table))
    written = append(lake, "p1", "work")
    newer = append(lake, "p2")
    with pytest.raises(UsageError, match="would drop rows"):
        refs.publish_snapshot(lake.table(PLAYS), written, expected=newer)


def _publish(table: Table, written: int, base: int) -> Table:
    return refs.publish_snapshot(table, written, expected=base)


def _move(table: Table, written: int, base: int) -> Table:
    return refs.move_branch(table, "main", written, expected=base)


@pytest.mark.parametrize("move", [_publish, _move])
def test_a_row_that_another_commits_between_load_and_commit_survives(
    lake: Lake, move: Callable[[Table, int, int], Table]
) -> None:
    table = lake.table(PLAYS)
    base = refs.head(table)
    refs.create_branch(table, "work", base)
    written = append(lake, "ours", "work")
    stale = lake.table(PLAYS)
    theirs = append(lake, "theirs")
    with pytest.raises(CommitConflictError, match="moved meanwhile"):
        move(stale, written, base)
    assert refs.head(lake.table(PLAYS)) == theirs


def test_a_branch_that_another_process_made_first_is_a_conflict(lake: Lake) -> None:
    stale, other = lake.table(PLAYS), lake.table(PLAYS)
    refs.create_branch(other, "work", refs.head(other))
    with pytest.raises(CommitConflictError):
        refs.create_branch(stale, "work", refs.head(stale))


def test_a_tag_that_another_process_made_first_is_a_conflict(lake: Lake) -> None:
    stale, other = lake.table(PLAYS), lake.table(PLAYS)
    refs.create_tag(other, "pub_x", refs.head(other))
    with pytest.raises(CommitConflictError):
        refs.create_tag(stale, "pub_x", refs.head(stale))


def test_a_branch_on_a_snapshot_that_has_expired_is_a_conflict(lake: Lake) -> None:
    pinned = append(lake, "p1")
    append(lake, "p2")
    stale = lake.table(PLAYS)
    lake.table(PLAYS).maintenance.expire_snapshots().by_id(pinned).commit()
    with pytest.raises(CommitConflictError, match=f"Snapshot {pinned} of core.plays has expired"):
        refs.create_branch(stale, "work", pinned)


def test_an_error_of_another_cause_is_not_taken_for_an_expired_snapshot(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = lake.table(PLAYS)

    def fail(*_: object) -> None:
        raise ValueError("a field of the metadata cannot be read")

    monkeypatch.setattr(type(lake.catalog), "commit_table", fail)
    with pytest.raises(ValueError, match="a field of the metadata cannot be read"):
        refs.create_branch(table, "work", refs.head(table))


def test_a_table_that_stands_in_the_place_of_another_is_not_changed(lake: Lake) -> None:
    stale = lake.table(PLAYS)
    other = Path(stale.metadata_location.removeprefix("file://")).with_name("00099-other.metadata.json")
    other.write_text(json.dumps(json.loads(stale.metadata.model_dump_json()) | {"table-uuid": str(uuid.uuid4())}))
    lake.catalog.drop_table(PLAYS)
    lake.catalog.register_table(PLAYS, str(other))
    with pytest.raises(CommitConflictError, match="moved meanwhile"):
        refs.create_branch(stale, "work", refs.head(stale))
    assert set(lake.table(PLAYS).metadata.refs) == {refs.MAIN}


def test_main_does_not_move_to_where_it_is(lake: Lake) -> None:
    table = lake.table(PLAYS)
    with pytest.raises(UsageError, match="would publish nothing"):
        refs.publish_snapshot(table, refs.head(table), expected=refs.head(table))


@pytest.mark.parametrize("wins_at", [refs.COMMIT_TRIES, None])
def test_a_race_for_the_metadata_is_lost_so_often_and_no_more(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, wins_at: int | None
) -> None:
    kind, tries = type(lake.catalog), []
    commit_table = kind.commit_table

    def lose(*arguments: object) -> object:
        tries.append(True)
        if len(tries) == wins_at:
            return commit_table(*arguments)  # type: ignore[arg-type]
        raise CommitFailedException("Table has been updated by another process")

    table = lake.table(PLAYS)
    monkeypatch.setattr(kind, "commit_table", lose)
    with nullcontext() if wins_at else pytest.raises(CommitConflictError, match="20 tries lost the race"):
        refs.create_branch(table, "work", refs.head(table))
    assert len(tries) == refs.COMMIT_TRIES


def test_a_tag_that_holds_for_a_time_is_put_elsewhere_and_says_until_when(lake: Lake) -> None:
    first, second = append(lake, "p1"), append(lake, "p2")
    until = datetime(2100, 1, 1, tzinfo=UTC)
    table = refs.put_tag(lake.table(PLAYS), "held", first, until=until)
    assert (refs.reference(table, "held"), refs.ends(table, "held")) == (first, until)
    table = refs.put_tag(table, "held", second, until=until)
    assert (refs.reference(table, "held"), refs.ends(table, "held")) == (second, until)
    assert refs.ends(table, refs.MAIN) is refs.ends(table, "nowhere") is None


def test_a_tag_that_another_process_has_put_elsewhere_is_a_conflict(lake: Lake) -> None:
    first, second = append(lake, "p1"), append(lake, "p2")
    until, stale = datetime(2100, 1, 1, tzinfo=UTC), lake.table(PLAYS)
    refs.put_tag(lake.table(PLAYS), "held", first, until=until)
    with pytest.raises(CommitConflictError):
        refs.put_tag(stale, "held", second, until=until)
    assert refs.reference(lake.table(PLAYS), "held") == first


def test_a_snapshot_that_is_there_can_be_read_and_no_other(lake: Lake) -> None:
    table = lake.table(PLAYS)
    refs.require(table, refs.head(table))
    with pytest.raises(SnapshotGoneError, match=r"Snapshot 7 of core\.plays has expired"):
        refs.require(table, 7)


def test_a_branch_that_moved_is_not_removed(lake: Lake) -> None:
    table = lake.table(PLAYS)
    base = refs.head(table)
    refs.create_branch(table, "work", base)
    stale = lake.table(PLAYS)
    moved = append(lake, "p1", "work")
    with pytest.raises(CommitConflictError):
        refs.remove(stale, "work", expected=base)
    assert refs.head(lake.table(PLAYS), "work") == moved


def test_to_drop_what_is_not_there_or_was_moved_is_told_or_left_alone(lake: Lake) -> None:
    table = lake.table(PLAYS)
    assert refs.drop(table, "work") is table
    refs.create_branch(table, "work", refs.head(table))
    seen, seen_again = lake.table(PLAYS), lake.table(PLAYS)
    written = append(lake, "p1", "work")
    refs.let_go(seen, "work")
    assert refs.head(lake.table(PLAYS), "work") == written
    with pytest.raises(CommitConflictError, match="moved meanwhile"):
        refs.drop(seen_again, "work")
    assert refs.reference(refs.drop(lake.table(PLAYS), "work"), "work") is None


def test_a_commit_elsewhere_in_the_table_is_no_conflict(lake: Lake) -> None:
    table = lake.table(PLAYS)
    base = refs.head(table)
    refs.create_branch(table, "work", base)
    written = append(lake, "p1", "work")
    stale, other = lake.table(PLAYS), lake.table(PLAYS)
    refs.create_branch(other, "elsewhere", base)
    assert refs.head(refs.publish_snapshot(stale, written, expected=base)) == written


def test_a_reference_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(UsageError, match="no reference 'nowhere'"):
        refs.head(lake.table(PLAYS), "nowhere")


def test_pyiceberg_alone_would_have_dropped_the_other_row(lake: Lake) -> None:
    """PyIceberg sets a tag and then `main` on a stale table and loses a row; `refs` exists to prevent this."""
    table = lake.table(PLAYS)
    refs.create_branch(table, "work", refs.head(table))
    written = append(lake, "ours", "work")
    stale = lake.table(PLAYS)
    theirs = append(lake, "theirs")
    with stale.manage_snapshots() as change:
        change.create_tag(written, "pub_trap").set_current_snapshot(written)
    after = lake.table(PLAYS)
    assert theirs not in refs.ancestry(after)
