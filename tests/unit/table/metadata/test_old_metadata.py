"""Commits of every kind remove the oldest metadata files of a table, which would grow by hundreds a day."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.lakes import D1, arrow, core_play, make_lake

from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import replace_files
from matinee.table.removal import remove_snapshots

PLAYS, KEPT = "core.plays", 2


def tag(lake: Lake, number: int) -> None:
    table = lake.table(PLAYS)
    refs.create_tag(table, f"tag{number}", refs.head(table))


def append_and_remove(lake: Lake, number: int) -> None:
    table = lake.table(PLAYS)
    before = refs.head(table)
    table.append(arrow(table, [core_play(D1, f"p{number}")]))
    remove_snapshots(lake, PLAYS, [before])


def replace_nothing(lake: Lake, _: int) -> None:
    replace_files(lake.table(PLAYS), refs.MAIN, [], [], {})


@pytest.mark.parametrize("commit", [tag, append_and_remove, replace_nothing], ids=lambda commit: commit.__name__)
def test_a_commit_lets_the_oldest_metadata_file_go(tmp_path: Path, commit: Callable[[Lake, int], None]) -> None:
    lake = keeping(tmp_path, KEPT)
    before = len(stored(lake))
    for number in range(4):
        commit(lake, number)
    assert len(stored(lake)) <= max(before, KEPT + 1)


@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_commit_onto_what_others_replaced_deletes_nothing_twice(
    tmp_path: Path, others: int, caplog: pytest.LogCaptureFixture
) -> None:
    lake = keeping(tmp_path, 5)
    for number in range(6):
        tag(lake, number)
    seen = lake.table(PLAYS)
    for number in range(others):
        tag(lake, 10 + number)
    refs.create_tag(seen, "late", refs.head(seen))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    table = lake.table(PLAYS)
    named = {*(entry.metadata_file for entry in table.metadata.metadata_log), table.metadata_location}
    assert stored(lake) == {path.removeprefix("file://") for path in named}


def keeping(home: Path, versions: int) -> Lake:
    """Return a lake whose table keeps this number of earlier metadata files."""
    lake = make_lake(home)
    with lake.ensure(PLAYS).transaction() as change:
        change.set_properties({"write.metadata.previous-versions-max": str(versions)})
    return lake


def stored(lake: Lake) -> set[str]:
    folder = Path(lake.table(PLAYS).location().removeprefix("file://")) / "metadata"
    return {str(path) for path in folder.glob("*.metadata.json")}
