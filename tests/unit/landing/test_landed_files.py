"""Landings by a branch: `main` gets the branch only if it holds all rows of this landing, in one commit on its base."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, PLANNED, arrow, ids, make_lake, raw_play

from matinee.errors import CommitConflictError, ConservationError
from matinee.landing import landed_files as module
from matinee.landing.landed_files import commit, landed, register_missing
from matinee.landing.model import QUARANTINE, Landing
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import landing_seq

RAW = "raw.plays"
#: A file of two good rows and a bad one.
FILE = Landing(RAW, "f", "ab" * 32, 3, 2, 1, {}, PLANNED)
Write = Callable[[Landing], None]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setattr(module, "TRIES", 2)
    lake = make_lake(tmp_path)
    lake.ensure(RAW)
    return lake


def put(lake: Lake, told: Landing, *names: str, **summary: str) -> None:
    """Write rows to the branch of a landing in one commit."""
    table = lake.table(RAW)
    rows = arrow(table, [raw_play(D1, name, landing_seq=told.landing_seq) for name in names])
    table.append(rows, branch=told.branch, snapshot_properties=told.to_summary() | summary)


def whole(lake: Lake) -> Write:
    return lambda told: put(lake, told, "p1", "p2")


def plays(lake: Lake) -> list[str]:
    return ids(lake, RAW, "play_id")


def references(lake: Lake) -> set[str]:
    return set(lake.table(RAW).metadata.refs)


def refused(lake: Lake, write: Write, error: type[Exception], words: str) -> None:
    """Land the file, and check that the landing fails and leaves no row and no branch."""
    before = refs.head(lake.table(RAW))
    with pytest.raises(error, match=words):
        commit(lake, RAW, FILE, write)
    assert (refs.head(lake.table(RAW)), references(lake)) == (before, {refs.MAIN})


def test_rows_reach_main_under_the_next_number_and_the_branch_goes(lake: Lake) -> None:
    landed, is_new = commit(lake, RAW, FILE, whole(lake))
    assert (landed.landing_seq, is_new, landed.snapshot_id) == (1, True, refs.head(lake.table(RAW)))
    assert (plays(lake), references(lake)) == (["p1", "p2"], {refs.MAIN})


def test_the_same_bytes_are_not_written_again(lake: Lake) -> None:
    first, _ = commit(lake, RAW, FILE, whole(lake))
    commit(lake, RAW, replace(FILE, file="g", sha256="cd" * 32), lambda told: put(lake, told, "p3", "p4"))
    written: list[Landing] = []
    assert commit(lake, RAW, FILE, written.append) == (first, False)
    assert written == []


def test_the_same_bytes_of_another_dataset_are_another_landing(lake: Lake) -> None:
    commit(lake, RAW, replace(FILE, dataset="raw.impressions"), whole(lake))
    assert commit(lake, RAW, FILE, lambda told: put(lake, told, "p3", "p4"))[1]


@pytest.mark.parametrize(
    "summary", [{"matinee.file-sha256": "cd" * 32}, {"matinee.landing-seq": "9"}], ids=["sha", "seq"]
)
def test_rows_of_another_landing_on_the_branch_are_not_published(lake: Lake, summary: dict[str, str]) -> None:
    refused(lake, lambda told: put(lake, told, "p1", "p2", **summary), CommitConflictError, "other landings were first")


def test_a_branch_with_more_than_one_commit_is_not_published(lake: Lake) -> None:
    def twice(told: Landing) -> None:
        put(lake, told, "theirs")
        put(lake, told, "p1", "p2")

    refused(lake, twice, CommitConflictError, "other landings were first, 2 times")


def test_a_branch_that_is_gone_is_not_published(lake: Lake) -> None:
    def gone(told: Landing) -> None:
        put(lake, told, "p1", "p2")
        table = lake.table(RAW)
        refs.remove(table, told.branch, expected=refs.head(table, told.branch))

    refused(lake, gone, CommitConflictError, "other landings were first")


@pytest.mark.parametrize("names", [("p1",), ("p1", "p2", "p3")], ids=["lost", "invented"])
def test_rows_other_than_those_counted_are_not_published(lake: Lake, names: tuple[str, ...]) -> None:
    words = f"{len(names)} rows of f were written to raw.plays, 2 were counted"
    refused(lake, lambda told: put(lake, told, *names), ConservationError, words)


def test_a_write_that_fails_leaves_no_branch(lake: Lake) -> None:
    def fail(told: Landing) -> None:
        put(lake, told, "p1")
        raise OSError("no space left")

    refused(lake, fail, OSError, "no space left")


def test_rows_are_written_with_the_next_number_where_another_was_first(lake: Lake) -> None:
    numbers: list[int] = []

    def race(told: Landing) -> None:
        numbers.append(told.landing_seq)
        if len(numbers) == 1:
            other = replace(FILE, file="g", sha256="cd" * 32)
            commit(lake, RAW, other, lambda theirs: put(lake, theirs, "t1", "t2"))
        put(lake, told, "p1", "p2")

    assert commit(lake, RAW, FILE, race)[0].landing_seq == 2
    assert (numbers, plays(lake)) == ([1, 2], ["p1", "p2", "t1", "t2"])
    assert landing_seq(lake.table(RAW)) == 2


def test_what_a_kill_left_on_the_branch_is_not_published_and_costs_no_try(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    table = refs.create_branch(lake.table(RAW), FILE.branch, refs.head(lake.table(RAW)))
    table.append(arrow(table, [raw_play(D1, "left")]), branch=FILE.branch)
    commit(lake, RAW, FILE, whole(lake))
    assert plays(lake) == ["p1", "p2"]


def put_bad(lake: Lake, told: Landing, rows: int) -> None:
    table = lake.table(QUARANTINE)
    bad = {"file": "f", "line": 1, "dataset": RAW, "reason": "malformed_json", "payload": "{", "received_ts": PLANNED}
    quarantined = arrow(table, [bad | {"landing_seq": told.landing_seq}] * rows)
    table.append(quarantined, branch=told.branch, snapshot_properties=told.to_summary())


def test_of_the_quarantine_the_bad_rows_are_counted(lake: Lake) -> None:
    with pytest.raises(ConservationError, match=r"2 rows of f were written to raw\.quarantine, 1 were counted"):
        commit(lake, QUARANTINE, FILE, lambda told: put_bad(lake, told, 2))
    assert commit(lake, QUARANTINE, FILE, lambda told: put_bad(lake, told, 1))[1]


def streamed(after: int, through: int) -> Landing:
    offsets = {"after": {"plays/0": after} if after else {}, "through": {"plays/0": through}}
    return replace(FILE, file=f"plays/0:{after}-{through}", sha256=f"{through:064}", **offsets)  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [0, 2, 4])
def test_a_range_that_does_not_go_on_where_the_table_is_is_refused(lake: Lake, after: int) -> None:
    commit(lake, RAW, streamed(0, 3), whole(lake))
    with pytest.raises(CommitConflictError, match="another process streams into it"):
        commit(lake, RAW, streamed(after, 6), lambda told: put(lake, told, "p3", "p4"))
    assert plays(lake) == ["p1", "p2"]


def test_a_range_that_goes_on_where_the_table_is_is_landed(lake: Lake) -> None:
    commit(lake, RAW, streamed(0, 3), whole(lake))
    commit(lake, RAW, FILE, lambda told: put(lake, told, "f1", "f2"))
    commit(lake, RAW, streamed(3, 6), lambda told: put(lake, told, "p3", "p4"))
    assert plays(lake) == ["f1", "f2", "p1", "p2", "p3", "p4"]


def test_a_landing_of_an_older_version_is_registered_once(lake: Lake) -> None:
    assert register_missing(lake, "raw.impressions") == []
    first, _ = commit(lake, RAW, FILE, whole(lake))
    assert register_missing(lake, RAW) == [first]
    assert landed(lake, RAW, [FILE.sha256]) == {FILE.sha256: first}
    assert register_missing(lake, RAW) == []


def test_ranges_of_streams_are_not_registered(lake: Lake) -> None:
    commit(lake, RAW, streamed(0, 3), whole(lake))
    assert register_missing(lake, RAW) == []
