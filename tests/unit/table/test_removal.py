"""Removal of snapshots: a snapshot that is gone or named when the commit is made is passed over."""

from pathlib import Path

import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from tests.support.lakes import D1, arrow, core_play, ids, make_lake

from matinee.errors import CommitConflictError
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import data_files
from matinee.table.removal import remove_snapshots, remove_with_files

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def commit(lake: Lake, *names: str) -> list[int]:
    """Commit one play for each name; return the snapshots."""
    made = []
    for name in names:
        table = lake.ensure(PLAYS)
        table.append(arrow(table, [core_play(D1, name)]))
        made.append(refs.head(lake.table(PLAYS)))
    return made


def kept(table: Table, *snapshot_ids: int) -> list[bool]:
    return [table.metadata.snapshot_by_id(snapshot_id) is not None for snapshot_id in snapshot_ids]


def test_a_snapshot_that_was_tagged_meanwhile_stays_and_others_go(lake: Lake) -> None:
    old, older, head = commit(lake, "a", "b", "c")
    refs.create_tag(lake.table(PLAYS), "before_the_incident", old)
    remove_snapshots(lake, PLAYS, [old, older])
    assert kept(lake.table(PLAYS), old, older, head) == [True, False, True]


def test_the_head_of_main_stays(lake: Lake) -> None:
    old, head = commit(lake, "a", "b")
    remove_snapshots(lake, PLAYS, [old, head])
    assert kept(lake.table(PLAYS), old, head) == [False, True]


def test_what_is_gone_already_is_passed_over(lake: Lake) -> None:
    old, older, _ = commit(lake, "a", "b", "c")
    remove_snapshots(lake, PLAYS, [old])
    remove_snapshots(lake, PLAYS, [old, older])
    assert kept(lake.table(PLAYS), old, older) == [False, False]


def test_where_nothing_is_to_go_nothing_is_committed(lake: Lake) -> None:
    _, head = commit(lake, "a", "b")
    before = lake.table(PLAYS).metadata_location
    remove_snapshots(lake, PLAYS, [head, 7])
    assert lake.table(PLAYS).metadata_location == before


def test_files_that_only_removed_snapshots_name_go_and_all_others_stay(lake: Lake) -> None:
    commit(lake, "goes", "stays")
    table = lake.table(PLAYS)
    files = {file.file_path for file in data_files(table, "event_day")}
    table.delete("play_id = 'goes'")
    old = refs.ancestry(lake.table(PLAYS))[1:]
    manifests = {table.metadata.snapshot_by_id(snapshot_id).manifest_list for snapshot_id in old}  # type: ignore[union-attr]
    remove_with_files(lake, PLAYS, old)
    [left] = data_files(lake.table(PLAYS), "event_day")
    on_disk = {path for path in files | manifests if Path(path.removeprefix("file://")).exists()}
    assert left.file_path in files
    assert on_disk == {left.file_path}
    assert ids(lake, PLAYS, "play_id") == ["stays"]


def test_others_that_commit_first_each_time_end_a_removal(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    old, head = commit(lake, "a", "b")
    tries: list[bool] = []

    def lose(*_: object) -> None:
        tries.append(True)
        raise CommitFailedException("Table has been updated by another process")

    with monkeypatch.context() as patch:
        patch.setattr(type(lake.catalog), "commit_table", lose)
        with pytest.raises(CommitConflictError, match=r"Others committed to core\.plays first"):
            remove_snapshots(lake, PLAYS, [old])
    assert len(tries) == refs.COMMIT_TRIES
    assert kept(lake.table(PLAYS), old, head) == [True, True]
