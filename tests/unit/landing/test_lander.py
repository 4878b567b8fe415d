"""Which files of a call are landed, and in which groups they are written."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.lakes import ids, make_lake

from matinee.landing.lander import Outcome, _by_bytes, land
from matinee.sources.files.scan import Kind, LandingFile
from matinee.sources.found import Found
from matinee.table.catalog import Lake

RAW = "raw.plays"
LANDED = datetime(2026, 3, 1, 20, tzinfo=UTC)
PLAY = '{"play_id":"%s","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}\n'


def file(size: int, kind: Kind = Kind.TEXT) -> LandingFile:
    return LandingFile("f", kind, size, "", "")


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], []),
        ([4, 6], [[4, 6]]),
        ([4, 7], [[4], [7]]),
        ([11, 1], [[11], [1]]),
        ([1, 11, 1], [[1], [11], [1]]),
        ([5, 5, 5, 5], [[5, 5], [5, 5]]),
    ],
)
def test_files_are_grouped_by_their_bytes_and_a_large_file_is_alone(sizes: list[int], groups: list[list[int]]) -> None:
    groups_of = _by_bytes([file(size) for size in sizes], 10)
    assert [[member.size for member in group] for group in groups_of] == groups


def test_a_gzipped_file_counts_by_its_content() -> None:
    assert len(list(_by_bytes([file(1, Kind.GZIPPED), file(3)], 10))) == 2


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def landed(lake: Lake, *contents: tuple[str, str]) -> list[Outcome]:
    """Land lines of another source, by name."""
    lines = [Found(name, RAW, content=content.encode()) for name, content in contents]
    return list(land(lake, RAW, lines, LANDED))


def test_the_same_content_of_two_names_is_landed_once(lake: Lake) -> None:
    first, copy = landed(lake, ("1", PLAY % "a"), ("2", PLAY % "a"))
    assert (first.is_new, copy.is_new) == (True, False)
    assert (first.landing, ids(lake, RAW, "play_id")) == (copy.landing, ["a"])


def test_content_that_was_landed_before_adds_nothing(lake: Lake) -> None:
    landed(lake, ("1", PLAY % "a"))
    [again, other] = landed(lake, ("1", PLAY % "a"), ("2", PLAY % "b"))
    assert (again.is_new, other.is_new) == (False, True)
    assert ids(lake, RAW, "play_id") == ["a", "b"]


def test_files_are_numbered_in_their_order(lake: Lake) -> None:
    landed(lake, ("1", PLAY % "a"))
    numbers = [
        outcome.landing.landing_seq for outcome in landed(lake, ("3", PLAY % "c"), ("2", "x\n")) if outcome.landing
    ]
    assert numbers == [2, 3]


def test_no_files_are_no_landing(lake: Lake) -> None:
    assert landed(lake) == []
    assert not lake.exists(RAW)
