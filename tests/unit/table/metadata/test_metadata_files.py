"""Metadata files below a table's location: the newest that can be read, whatever else lies there."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, arrow, core_play, make_lake

from matinee.table.catalog import Lake
from matinee.table.metadata.metadata_files import name_of, newest, version_of

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def folder(lake: Lake) -> Path:
    return Path(lake.location(PLAYS).removeprefix("file://")) / "metadata"


def names(lake: Lake) -> list[str]:
    return [file.name for file in newest(lake.catalog, lake.location(PLAYS))]


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("file:///lake/00000-a.metadata.json", 0),
        ("00012-a-b.metadata.json", 12),
        ("00012.metadata.json", -1),
        ("00012-a.metadata.json.bak", -1),
        ("v12-a.metadata.json", -1),
    ],
)
def test_a_version_stands_before_the_name(path: str, version: int) -> None:
    assert version_of(path) == version


def test_the_file_that_the_catalog_names_is_the_newest(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    table.append(arrow(table, [core_play(D1)]))
    assert names(lake) == [name_of(lake.table(PLAYS).metadata_location)]


def test_the_first_version_is_one(lake: Lake) -> None:
    lake.ensure(PLAYS)
    for file in folder(lake).glob("*.metadata.json"):
        if version_of(file.name) > 0:
            file.unlink()
    assert [version_of(name) for name in names(lake)] == [0]


def test_a_file_that_was_cut_off_or_copied_from_elsewhere_is_passed_over(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    right = name_of(table.metadata_location)
    text = (folder(lake) / right).read_text()
    (folder(lake) / "00098-a.metadata.json").write_text(text[:100])
    (folder(lake) / "00099-b.metadata.json").write_text(text.replace(table.location(), "file:///other/core/plays"))
    assert names(lake) == [right]


def test_files_of_writers_that_raced_are_told_together_and_may_be_refused(lake: Lake) -> None:
    right = name_of(lake.ensure(PLAYS).metadata_location)
    twin = f"{right.partition('-')[0]}-twin.metadata.json"
    (folder(lake) / twin).write_text((folder(lake) / right).read_text())
    assert sorted(names(lake)) == sorted([right, twin])
    chosen = newest(lake.catalog, lake.location(PLAYS), lambda file: file.name == twin)
    assert [file.name for file in chosen] == [twin]


def test_a_location_without_files_has_none(lake: Lake) -> None:
    assert newest(lake.catalog, lake.location("core.nothing")) == []
