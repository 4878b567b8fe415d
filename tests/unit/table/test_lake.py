"""A lake's tables: made once with an empty snapshot, loaded as they are now, and named where they are missing."""

import shutil
from pathlib import Path

import pytest
from tests.support.lakes import D1, arrow, make_lake, raw_play

from matinee.errors import ForeignTableError, MissingTableError, UnknownDatasetError
from matinee.settings import load_settings
from matinee.table import refs
from matinee.table.catalog import Lake, catalog_properties, summary_of

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def test_a_table_is_there_once_it_was_made_and_no_other_is(lake: Lake) -> None:
    assert not lake.exists(PLAYS)
    lake.ensure(PLAYS)
    assert lake.exists(PLAYS)
    assert not lake.exists("core.impressions")
    assert not lake.exists("raw.plays")


def test_a_table_begins_with_an_empty_snapshot_and_is_made_once(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    assert len(refs.ancestry(table)) == 1
    assert lake.ensure(PLAYS).metadata_location == table.metadata_location
    assert table.location() == lake.location(PLAYS) == f"{lake.settings.warehouse_uri}/core/plays"


def test_a_table_that_is_missing_or_of_no_contract_is_named(lake: Lake) -> None:
    with pytest.raises(MissingTableError, match=r"core\.plays has no table") as missing:
        lake.table(PLAYS)
    assert missing.value.facts["dataset"] == PLAYS
    with pytest.raises(UnknownDatasetError, match=r"core\.nothing"):
        lake.table("core.nothing")


def test_a_copied_lake_makes_no_change_of_a_table_ready(lake: Lake, tmp_path: Path) -> None:
    lake.ensure(PLAYS)
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    with pytest.raises(ForeignTableError):
        make_lake(tmp_path / "copy").ensure(PLAYS)


def test_a_look_shows_a_table_as_it_was_until_it_is_left(lake: Lake) -> None:
    table, look = lake.ensure("raw.plays"), lake.one_look()
    before = refs.head(look.table("raw.plays"))
    table.append(arrow(table, [raw_play(D1)]))
    assert look.one_look() is look
    assert refs.head(look.table("raw.plays")) == before
    assert refs.head(look.reloaded().table("raw.plays")) != before
    assert lake.reloaded() is lake


def test_a_summary_holds_what_was_given_and_is_empty_without_a_snapshot(lake: Lake) -> None:
    table = lake.ensure("raw.plays")
    table.append(arrow(table, [raw_play(D1)]), snapshot_properties={"matinee.note": "x"})
    assert summary_of(table, refs.head(table))["matinee.note"] == "x"
    assert summary_of(table, 7) == {}


def test_each_catalog_has_the_properties_that_its_settings_name(tmp_path: Path) -> None:
    embedded = load_settings(home=tmp_path, catalog="embedded", spark_remote=None)
    assert catalog_properties(embedded)["uri"] == f"sqlite:///{tmp_path}/catalog.db?timeout=30"
    assert "pool_pre_ping" not in catalog_properties(embedded)
    of_minio = embedded.model_copy(update={"s3_endpoint": "http://s"})
    assert catalog_properties(of_minio)["s3.endpoint"] == "http://s"
    uri = "postgresql://me@db/lake"
    postgres = load_settings(home=tmp_path, catalog="postgres", catalog_uri=uri, spark_remote=None)
    assert catalog_properties(postgres)["uri"] == "postgresql+psycopg2://me@/lake?connect_timeout=30&host=db"
    assert catalog_properties(postgres)["pool_pre_ping"] == "true"
    aws = load_settings(
        home=tmp_path, catalog="aws", warehouse="s3://lake/w", aws_region="eu-west-1", spark_remote=None
    )
    assert catalog_properties(aws) == {
        "py-io-impl": "matinee.table.file_io.FileIO",
        "type": "glue",
        "glue.region": "eu-west-1",
        "s3.region": "eu-west-1",
        "warehouse": "s3://lake/w",
    }
    local = aws.model_copy(update={"glue_endpoint": "http://g", "s3_endpoint": "http://s"})
    assert catalog_properties(local) == catalog_properties(aws) | {
        "glue.endpoint": "http://g",
        "s3.endpoint": "http://s",
        "s3.force-virtual-addressing": "false",
    }
