"""Side files lie beside the tables: read whole or not at all, written whole or not at all, and no part of a table."""

from pathlib import Path

import pytest
from tests.support.lakes import make_lake

from matinee.maintenance.backup import take
from matinee.table import side_files
from matinee.table.catalog import Lake
from matinee.table.location import is_below
from matinee.table.registers import stamp

NAME = "publications/core.plays.arrow"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def where(lake: Lake) -> Path:
    return lake.settings.home / "warehouse" / "ops" / "_derived" / NAME


def test_what_was_written_is_read(lake: Lake) -> None:
    side_files.write(lake, NAME, b"first")
    side_files.write(lake, NAME, b"second")
    assert side_files.read(lake, NAME) == b"second"


def test_where_there_is_none_nothing_is_read(lake: Lake) -> None:
    assert side_files.read(lake, NAME) is None


def test_one_that_was_cut_off_is_not_read(lake: Lake) -> None:
    side_files.write(lake, NAME, b"content")
    where(lake).write_bytes(where(lake).read_bytes()[:-1])
    assert side_files.read(lake, NAME) is None


def test_a_write_that_fails_leaves_what_was_there(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    side_files.write(lake, NAME, b"first")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    side_files.write(lake, NAME, b"second")
    assert side_files.read(lake, NAME) == b"first"
    assert [path.name for path in where(lake).parent.iterdir()] == [where(lake).name]


def test_an_object_store_is_reached_by_its_own_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = make_lake(tmp_path)
    monkeypatch.setattr(side_files, "_local", lambda _: None)
    assert side_files.read(lake, NAME) is None
    where(lake).parent.mkdir(parents=True)
    side_files.write(lake, NAME, b"first")
    side_files.write(lake, NAME, b"second")
    assert side_files.read(lake, NAME) == b"second"


def test_no_table_has_side_files_below_it_and_no_backup_names_them(lake: Lake) -> None:
    for dataset in ("ops.publications", "core.plays"):
        lake.ensure(dataset)
    side_files.write(lake, NAME, b"content")
    tables = take(lake, stamp()).tables
    assert {table.dataset for table in tables} == {"ops.lake", "ops.publications", "core.plays"}
    assert not [table for table in tables if is_below(str(where(lake)), table.location)]


def test_an_object_store_is_reached_by_the_properties_of_the_catalog(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    assert side_files._io(lake, lake.location("ops.x")).properties == lake.catalog.properties
