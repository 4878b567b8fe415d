"""The compiled checks and the create statement on Spark."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from typing import TYPE_CHECKING

import pytest
from tests.support.nested import list_of, with_structs

from matinee.audits.runner import run_checks
from matinee.contracts.checks import CANDIDATE, STAMP, compile_checks
from matinee.contracts.ddl import create_statement, iceberg_schema, partition_spec, spark_type
from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.contracts.service_levels import VolumeBand
from matinee.engine.tables.spark_procedures import whole_row_hash
from matinee.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

REGISTRY = Registry.load(CHECKOUT / "sql")
IMPRESSION_PLAYS = REGISTRY.get("core.impression_plays")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = {
    "event_id": "e1",
    "profile_id": "ana",
    "title_id": "t1",
    "row": 1,
    "position": 2,
    "event_ts": NOON,
    "received_ts": NOON,
    "event_day": date(2026, 3, 1),
    "profile_bucket": 3,
    "plays": 0,
    "plays_without_duration": 0,
    "watch_ms": 0,
    "label": "pending",
    "is_mature": False,
}


def bad_rows(
    spark: "SparkSession", contract: Contract, rows: list[dict[str, object]], types: dict[str, str] | None = None
) -> dict[str, int]:
    """Return the checks that found bad rows, with how many, after one run of the compiled queries."""
    columns = {column.name: spark_type(column) for column in contract.columns} | (types or {})
    schema = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
    spark.createDataFrame([tuple(row.get(name) for name in columns) for row in rows], schema).createOrReplaceTempView(
        CANDIDATE
    )
    verdicts = run_checks(spark, compile_checks(contract)).verdicts
    return {verdict.audit: verdict.bad_rows for verdict in verdicts if verdict.bad_rows}


def test_rows_that_keep_the_contract_pass_every_check(spark: "SparkSession") -> None:
    tomorrow = {**ROW, "event_day": date(2026, 3, 2)}

    assert bad_rows(spark, IMPRESSION_PLAYS, [ROW, {**ROW, "event_id": "e2"}, tomorrow]) == {}


def test_no_rows_pass_every_check(spark: "SparkSession") -> None:
    assert bad_rows(spark, IMPRESSION_PLAYS, []) == {}


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ({"title_id": None}, "null_title_id"),
        ({"position": 0}, "range_position"),
        ({"profile_bucket": 8}, "range_profile_bucket"),
        ({"label": "maybe"}, "enum_label"),
        ({"time_to_play_ms": -1}, "range_time_to_play_ms"),
        ({"event_id": "e1"}, "unique_event_id"),
    ],
)
def test_a_bad_row_is_counted_by_its_check_alone(spark: "SparkSession", fault: dict[str, object], check: str) -> None:
    bad = {**ROW, "event_id": "e2", **fault}

    assert bad_rows(spark, IMPRESSION_PLAYS, [ROW, bad]) == {check: 1}


def test_every_row_is_bad_when_a_column_has_another_type(spark: "SparkSession") -> None:
    rows = [ROW, {**ROW, "event_id": "e2"}]

    assert bad_rows(spark, IMPRESSION_PLAYS, rows, {"watch_ms": "int"}) == {"schema_watch_ms": 2}


def test_each_repeat_of_a_key_is_counted(spark: "SparkSession") -> None:
    assert bad_rows(spark, IMPRESSION_PLAYS, [ROW, ROW, ROW, {**ROW, "event_id": "e2"}]) == {"unique_event_id": 2}


def test_each_day_outside_the_volume_band_is_counted(spark: "SparkSession") -> None:
    contract = replace(IMPRESSION_PLAYS, volume=VolumeBand(minimum=2, maximum=2))
    days = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 3), date(2026, 3, 3)]
    rows = [{**ROW, "event_id": f"e{number}", "event_day": day} for number, day in enumerate(days)]

    assert bad_rows(spark, contract, rows) == {"volume": 2}


def with_lists(*, nulls: bool) -> Contract:
    lists = (list_of(name, "string", nulls=nulls) for name in ("first", "second"))
    return replace(IMPRESSION_PLAYS, columns=(*IMPRESSION_PLAYS.columns, *lists))


def test_a_null_item_is_counted_where_the_contract_wants_none(spark: "SparkSession") -> None:
    rows = [
        {**ROW, "event_id": f"e{number}", "first": items} for number, items in enumerate((None, [], ["a"], ["a", None]))
    ]

    assert bad_rows(spark, with_lists(nulls=False), rows) == {"null_in_first": 1}
    assert bad_rows(spark, with_lists(nulls=True), rows) == {}


def test_a_null_within_a_struct_is_counted_where_the_contract_wants_none(spark: "SparkSession") -> None:
    nested = with_structs(IMPRESSION_PLAYS)
    good = {"place": ("DE", None, [None]), "steps": [("a", None, None)], "grid": [None, [1]]}
    faults = [{"place": (None, 1, [])}, {"steps": [None]}, {"steps": [(None, None, None)]}, {"grid": [[None]]}]
    rows = [{**ROW, **good, **fault, "event_id": f"e{number}"} for number, fault in enumerate([{}, *faults])]

    assert bad_rows(spark, nested, rows) == {"null_in_place": 1, "null_in_steps": 2, "null_in_grid": 1}


def test_rows_whose_lists_differ_have_different_hashes(spark: "SparkSession") -> None:
    texts = [["a"], ["b"], ["a", "b"], ["ab"], [], None, ["a", None], [None, "a"], [None]]
    lists = list(product(texts, repeat=2))
    contract = with_lists(nulls=True)
    types = {column.name: spark_type(column) for column in contract.columns} | {"number": "int"}
    rows = [{**ROW, "first": pair[0], "second": pair[1], "number": number} for number, pair in enumerate(lists)]
    schema = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
    frame = spark.createDataFrame([tuple(row.get(name) for name in types) for row in rows], schema)
    frame.createOrReplaceTempView(CANDIDATE)
    one_a_row = compile_checks(contract).sql.replace("GROUP BY", "GROUP BY number,")

    assert len({row[STAMP] for row in spark.sql(one_a_row).collect()}) == len(lists)
    assert frame.select(whole_row_hash(frame.select("first", "second"))).distinct().count() == len(lists)


@pytest.mark.parametrize("dataset", [contract.dataset for contract in REGISTRY.all()])
def test_the_checks_of_every_shipped_contract_run(spark: "SparkSession", dataset: str) -> None:
    assert bad_rows(spark, REGISTRY.get(dataset), []) == {}


@pytest.fixture
def created(spark: "SparkSession", session_settings: Settings) -> Iterator[Contract]:
    contract = replace(REGISTRY.get("raw.impressions"), dataset="trial.impressions")
    spark.sql("CREATE NAMESPACE IF NOT EXISTS lake.trial")
    spark.sql(create_statement(contract, session_settings.catalog_name))
    yield contract
    spark.sql("DROP TABLE lake.trial.impressions")


def test_the_create_statement_makes_the_table_that_pyiceberg_would_make(
    created: Contract, session_settings: Settings
) -> None:
    from pyiceberg.catalog import load_catalog

    from matinee.table.catalog import catalog_properties

    table = load_catalog("lake", **catalog_properties(session_settings)).load_table(created.dataset)

    schema = iceberg_schema(created)
    assert table.schema().fields == schema.fields
    assert table.spec().fields == partition_spec(created, schema).fields
    assert table.properties["write.distribution-mode"] == "hash"


def test_spark_may_write_a_frame_whose_columns_look_nullable(spark: "SparkSession", created: Contract) -> None:
    landed = {**ROW, "landing_seq": 1, "file": "a.jsonl"}
    schema = ", ".join(f"`{column.name}` {spark_type(column)}" for column in created.columns)
    frame = spark.createDataFrame([tuple(landed.get(name) for name in created.column_names)], schema)

    frame.writeTo("lake.trial.impressions").append()

    assert spark.table("lake.trial.impressions").count() == 1
