"""Commits of every kind let the oldest metadata files of a table go: they would pile up, hundreds a day."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.lakes import D1, arrow, core_play, make_lake

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
    lake = make_lake(tmp_path)
    with lake.ensure(PLAYS).transaction() as change:
        change.set_properties({"write.metadata.previous-versions-max": str(KEPT)})
    folder = Path(lake.table(PLAYS).location().removeprefix("file://")) / "metadata"
    before = len([*folder.glob("*.metadata.json")])
    for number in range(4):
        commit(lake, number)
    assert len([*folder.glob("*.metadata.json")]) <= max(before, KEPT + 1)
