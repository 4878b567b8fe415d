"""Iceberg schema, partitioning, sort order, properties and the Spark SQL of the shipped contracts."""

from dataclasses import replace

import pytest
from pyiceberg.schema import assign_fresh_schema_ids
from tests.support.nested import with_lists, with_structs

from matinee.contracts.ddl import create_statement, iceberg_schema, partition_spec, sort_order, table_properties
from matinee.contracts.registry import Registry
from matinee.errors import UsageError
from matinee.settings import CHECKOUT

RAW = "event_id profile_id title_id row position event_ts device country page_id app_version received_ts event_day"
PLAY = "play_id profile_id title_id start_ts {} device country source app_version received_ts event_day"
OUTCOME = "plays plays_without_duration first_play_ts watch_ms time_to_play_ms label is_mature"
COLUMNS = {
    "raw.impressions": f"{RAW} landing_seq file",
    "core.impressions": f"{RAW} profile_bucket",
    "raw.plays": f"{PLAY.format('duration_s')} landing_seq file",
    "core.plays": f"{PLAY.format('duration_ms')} profile_bucket",
    "core.play_attributions": "play_id profile_id title_id start_ts duration_ms source play_day profile_bucket "
    "event_id event_ts time_to_play_ms",
    "core.impression_plays": f"{RAW} profile_bucket {OUTCOME}",
    "raw.quarantine": "file line dataset reason payload received_ts landing_seq",
}
OPTIONAL = {
    "raw.impressions": "device country page_id app_version",
    "core.impressions": "device country page_id app_version",
    "raw.plays": "duration_s device country source app_version",
    "core.plays": "duration_ms device country source app_version",
    "core.play_attributions": "duration_ms source event_id event_ts time_to_play_ms",
    "core.impression_plays": "device country page_id app_version first_play_ts time_to_play_ms",
    "raw.quarantine": "",
}
PARTITIONS = {
    "raw.impressions": ["day(received_ts)", "identity(event_day)"],
    "raw.plays": ["day(received_ts)", "identity(event_day)"],
    "raw.quarantine": ["identity(dataset)"],
    "core.impressions": ["identity(event_day)", "identity(profile_bucket)"],
    "core.plays": ["identity(event_day)", "identity(profile_bucket)"],
    "core.play_attributions": ["identity(play_day)", "identity(profile_bucket)"],
    "core.impression_plays": ["identity(event_day)", "identity(profile_bucket)"],
    "ops.publications": ["identity(dataset)"],
    "ops.manifests": [],
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load(CHECKOUT / "sql")


@pytest.mark.parametrize("dataset", COLUMNS)
def test_a_table_has_exactly_the_columns_of_the_design_in_order(registry: Registry, dataset: str) -> None:
    schema = iceberg_schema(registry.get(dataset))

    assert [field.name for field in schema.fields] == COLUMNS[dataset].split()
    assert [field.name for field in schema.fields if field.optional] == OPTIONAL[dataset].split()
    assert [field.field_id for field in schema.fields] == list(range(1, len(schema.fields) + 1))


def test_a_catalog_gives_a_new_table_the_field_ids_of_earlier_files(registry: Registry) -> None:
    for nested in (with_lists, with_structs):
        schema = iceberg_schema(nested(registry.get("raw.plays")))
        assert assign_fresh_schema_ids(schema).fields == schema.fields
    assert str(schema.find_type("steps.element.day")) == "date"
    schema = iceberg_schema(with_lists(registry.get("raw.plays")))
    assert str(schema.find_type("ints0")) == "list<int>"
    assert not schema.find_field("ints0.element").required
    assert schema.find_field("ints1.element").required


def test_types_and_comments_come_from_the_contract(registry: Registry) -> None:
    schema = iceberg_schema(registry.get("core.impression_plays"))

    types = {field.name: str(field.field_type) for field in schema.fields}
    assert {name: types[name] for name in ("event_ts", "event_day", "row", "watch_ms", "is_mature", "label")} == {
        "event_ts": "timestamptz",
        "event_day": "date",
        "row": "int",
        "watch_ms": "long",
        "is_mature": "boolean",
        "label": "string",
    }
    assert schema.find_field("label").doc == "What a model learns from the row."


@pytest.mark.parametrize("dataset", PARTITIONS)
def test_a_table_is_partitioned_as_designed(registry: Registry, dataset: str) -> None:
    contract = registry.get(dataset)
    schema = iceberg_schema(contract)

    fields = partition_spec(contract, schema).fields

    assert [f"{field.transform}({schema.find_field(field.source_id).name})" for field in fields] == PARTITIONS[dataset]


@pytest.mark.parametrize(
    ("dataset", "order"),
    [
        ("core.impressions", "profile_id title_id event_ts event_id"),
        ("core.plays", "profile_id title_id start_ts play_id"),
        ("core.play_attributions", "profile_id title_id start_ts play_id"),
        ("core.impression_plays", "profile_id title_id event_ts event_id"),
        ("raw.plays", ""),
    ],
)
def test_rows_are_sorted_by_profile_title_and_time(registry: Registry, dataset: str, order: str) -> None:
    contract = registry.get(dataset)
    schema = iceberg_schema(contract)

    fields = sort_order(contract, schema).fields

    assert [schema.find_field(field.source_id).name for field in fields] == order.split()


def test_format_is_version_2_and_only_live_tables_merge_on_read(registry: Registry) -> None:
    for contract in registry.all():
        properties = table_properties(contract)
        assert properties["format-version"] == "2"
        modes = {properties[f"write.{change}.mode"] for change in ("delete", "update", "merge")}
        assert modes == {"merge-on-read" if contract.is_live else "copy-on-write"}


def test_the_create_statement_tells_columns_partitions_and_comments(registry: Registry) -> None:
    statement = create_statement(registry.get("raw.plays"), "lake")

    assert statement.startswith("CREATE TABLE `lake`.`raw`.`plays` (\n  `play_id` STRING NOT NULL COMMENT 'Identifier")
    assert "`start_ts` TIMESTAMP NOT NULL COMMENT 'When the play started, by the client\\'s clock;" in statement
    assert "PARTITIONED BY (days(`received_ts`), `event_day`)" in statement


def test_the_create_statement_keeps_the_names_of_what_is_within_columns(registry: Registry) -> None:
    statement = create_statement(with_structs(registry.get("raw.plays")), "lake")

    assert "`steps` array<struct<name:string,day:date,took_s:double>> COMMENT" in statement


@pytest.mark.parametrize("name", ["", "la ke", "lake`; DROP TABLE x", "läke", "1lake"])
def test_a_catalog_name_that_is_no_identifier_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(UsageError):
        create_statement(registry.get("raw.plays"), name)


@pytest.mark.parametrize(("kind", "versions"), [("register", "20"), ("event", "100")])
def test_a_register_of_any_namespace_keeps_few_versions_of_its_metadata(kind: str, versions: str) -> None:
    contract = replace(Registry.load(CHECKOUT / "sql").get("ops.heals"), dataset="books.heals", kind=kind)
    assert table_properties(contract)["write.metadata.previous-versions-max"] == versions
