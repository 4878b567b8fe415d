"""Files of a lake, by the path that a location spells."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.lakes import D1, ODD_NAME, ids, land, make_lake, raw_play

from matinee.engine.options import catalog_options
from matinee.engine.tables.staging import staged_files
from matinee.table.file_io import FileIO

RAW = "raw.plays"


@pytest.mark.parametrize("name", ["a b", "a%20b", "a#b", "a?b", "a+b", "a;b", "ä", "a'b", 'a"b', "a:b", ODD_NAME])
def test_a_lake_lies_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    land(make_lake(tmp_path / "lakes" / name), RAW, [raw_play(D1)])
    again = make_lake(tmp_path / "lakes" / name)
    assert ids(again, RAW, "play_id") == ["p1"]
    assert [path.name for path in (tmp_path / "lakes").iterdir()] == [name]
    assert {path.name for path in (tmp_path / "lakes" / name).iterdir()} >= {"catalog.db", "warehouse"}


def test_files_are_listed_below_a_folder_of_any_name(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / ODD_NAME)
    table = lake.ensure(RAW)
    file = tmp_path / ODD_NAME / "warehouse" / "stage" / "day=1" / "a.parquet"
    file.parent.mkdir(parents=True)
    file.touch()
    assert staged_files(table, f"{lake.settings.warehouse_uri}/stage") == [f"file://{file}"]


def test_spark_opens_the_same_catalog_whatever_its_folder_is_called(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / ODD_NAME)
    lake.ensure(RAW)
    uri = urlsplit(catalog_options(lake.settings)["spark.sql.catalog.lake.uri"].removeprefix("jdbc:sqlite:"))
    with closing(sqlite3.connect(f"file:{uri.path}", uri=True)) as catalog:
        assert catalog.execute("SELECT count(*) FROM iceberg_tables WHERE table_name = 'plays'").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("location", "parsed"),
    [
        ("file:/a b#c", ("file", "", "/a b#c")),
        ("file:///a?b%20", ("file", "", "/a?b%20")),
        ("/a#b:c", ("file", "", "/a#b:c")),
        ("s3://bucket/a%20b+c", ("s3", "bucket", "bucket/a%20b+c")),
        ("hdfs://host/a", ("hdfs", "host", "/a")),
    ],
)
def test_a_location_is_a_path_after_a_scheme(location: str, parsed: tuple[str, str, str]) -> None:
    assert FileIO.parse_location(location) == parsed
