"""Commits of data files: a file is removed whichever manifest lists it."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import visitors
from pyiceberg.expressions.parser import parse
from pyiceberg.manifest import ManifestFile
from tests.support.lakes import D1, arrow, core_play, ids, make_lake

from matinee.errors import CommitConflictError
from matinee.table import refs
from matinee.table.commits import commit_nothing, remove_rows, replace_files
from matinee.table.files import data_files

PLAYS = "core.plays"


def test_a_file_is_removed_while_other_threads_judge_other_manifests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path)
    for number in range(6):
        day = D1 + timedelta(days=number)
        table = lake.ensure(PLAYS)
        table.append(arrow(table, [core_play(day, f"p{number}")]))

    def slowly(self: visitors._ManifestEvalVisitor, manifest: ManifestFile) -> bool:
        self.partition_fields = manifest.partitions or []
        time.sleep(0.05)
        return visitors.visit(self.partition_filter, self)

    monkeypatch.setattr(visitors._ManifestEvalVisitor, "eval", slowly)
    table = lake.table(PLAYS)
    # The newest manifest is the first one to be judged, and the others come in between.
    replace_files(table, refs.MAIN, list(data_files(table, "event_day", first=day, last=day)), [], {})
    assert ids(lake, PLAYS, "play_id") == [f"p{number}" for number in range(5)]


def lost(*_: object) -> None:
    raise CommitFailedException("Table has been updated by another process")


def older(*_: object) -> None:
    raise ValueError("Cannot add snapshot with sequence number 2 older than last sequence number 2")


@pytest.mark.parametrize("fail", [lost, older])
def test_another_commit_that_was_first_is_a_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[..., None]
) -> None:
    lake = make_lake(tmp_path)
    table = lake.ensure(PLAYS)
    monkeypatch.setattr(type(lake.catalog), "commit_table", fail)
    with pytest.raises(CommitConflictError, match=r"Another commit to core\.plays came between"):
        replace_files(table, refs.MAIN, [], [], {})


def test_an_error_of_another_cause_is_no_conflict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a field of the metadata cannot be read")

    lake = make_lake(tmp_path)
    table = lake.ensure(PLAYS)
    monkeypatch.setattr(type(lake.catalog), "commit_table", fail)
    with pytest.raises(ValueError, match="a field of the metadata cannot be read"):
        replace_files(table, refs.MAIN, [], [], {})


def test_others_that_commit_first_each_time_end_a_commit_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, tries = make_lake(tmp_path), []

    def fail(*_: object) -> None:
        tries.append(True)
        lost()

    lake.ensure(PLAYS)
    monkeypatch.setattr(type(lake.catalog), "commit_table", fail)
    told = rf"Others committed to core\.plays first, {refs.COMMIT_TRIES} times"
    with pytest.raises(CommitConflictError, match=told) as refused:
        commit_nothing(lake, PLAYS, refs.MAIN, {})
    assert refused.value.facts == {"dataset": PLAYS, "reference": refs.MAIN}
    assert len(tries) == refs.COMMIT_TRIES


def test_rows_that_a_filter_takes_go_and_the_others_of_their_file_stay(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    table = lake.ensure(PLAYS)
    table.append(arrow(table, [core_play(D1, "gone"), core_play(D1, "stays")]))
    before = refs.head(lake.table(PLAYS))
    assert remove_rows(lake.table(PLAYS), parse("play_id = 'unknown'"), {}) == 0
    assert refs.head(lake.table(PLAYS)) == before
    assert remove_rows(lake.table(PLAYS), parse("play_id = 'gone'"), {}) == 1
    assert ids(lake, PLAYS, "play_id") == ["stays"]
    assert remove_rows(lake.table(PLAYS), parse("play_id = 'stays'"), {}) == 1
    assert ids(lake, PLAYS, "play_id") == []
