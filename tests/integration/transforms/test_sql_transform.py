"""A dataset's transform may be SQL beside its contract."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.transforms.rows import D0, D1, D2, Row, at, shown
from tests.support.frames import REGISTRY, frame

from matinee.contracts.model import Column, Contract
from matinee.errors import ContractError
from matinee.transforms import SQL_FILE, TransformContext, transform_of
from matinee.transforms.sql import sql_arguments

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TITLES_DAILY = """
SELECT
    event_day,
    title_id,
    count(*) AS impressions,
    sum(plays) AS plays,
    count_if(plays > 0) / count(*) AS take_rate
FROM outcomes
WHERE event_day BETWEEN :first_day AND :last_day AND is_mature
GROUP BY title_id, event_day
"""


def contract_in(folder: Path, **changes: object) -> Contract:
    (folder / SQL_FILE).write_text(TITLES_DAILY)
    names = (("title_id", "string"), ("event_day", "date"), ("impressions", "long"), ("take_rate", "double"))
    columns = tuple(Column(name, kind, required=True, doc="") for name, kind in names)
    base = replace(REGISTRY.get("core.impression_plays"), columns=columns, transform=SQL_FILE, folder=folder)
    return replace(base, **changes)  # type: ignore[arg-type]


def outcome(event_id: str, clock: str = "12:00", plays: int = 0, **values: object) -> Row:
    row = shown(event_id, at(clock), plays=plays, plays_without_duration=0, watch_ms=0)
    return row | {"label": "positive", "is_mature": True} | values


@pytest.mark.spark
def test_sql_sees_its_inputs_by_alias_and_yields_the_contract_s_columns(spark: "SparkSession", tmp_path: Path) -> None:
    rows = [outcome("e1", plays=2), outcome("e2"), outcome("e3", is_mature=False), outcome("e4", event_day=D0)]
    contract = contract_in(tmp_path)
    inputs = {"outcomes": frame(spark, "core.impression_plays", rows)}
    derived = transform_of(contract)(inputs, TransformContext(contract, D1, D2))
    assert derived.columns == ["title_id", "event_day", "impressions", "take_rate"]
    assert [tuple(row) for row in derived.collect()] == [("t", D1, 2, 0.5)]


@pytest.mark.spark
def test_every_parameter_can_be_bound(spark: "SparkSession", tmp_path: Path) -> None:
    contract = contract_in(tmp_path, parameters={"attribution.window": "24h", "take_rate.max": "0.5"})
    (tmp_path / SQL_FILE).write_text(
        "SELECT title_id, event_day, :attribution_window_us AS impressions, :take_rate_max AS take_rate "
        "FROM outcomes WHERE event_ts < :as_of"
    )
    inputs = {"outcomes": frame(spark, "core.impression_plays", [outcome("e1", "11:59"), outcome("e2", "12:00")])}
    derived = transform_of(contract)(inputs, TransformContext(contract, D1, D1, as_of=at("12:00")))
    assert [tuple(row) for row in derived.collect()] == [("t", D1, 86_400_000_000, 0.5)]


def test_durations_are_bound_in_microseconds_and_numbers_as_they_are() -> None:
    contract = REGISTRY.get("core.impression_plays").with_parameters({"attribution.min_delay": "250ms"})
    as_of = datetime(2026, 3, 2, tzinfo=UTC)
    assert sql_arguments(TransformContext(contract, D1, D2, as_of)) == {
        "first_day": D1,
        "last_day": D2,
        "as_of": as_of,
        "attribution_window_us": 86_400_000_000,
        "attribution_min_delay_us": 250_000,
        "live_keep_us": 7 * 86_400_000_000,
        "take_rate_min": contract.number("take_rate.min"),
        "take_rate_max": contract.number("take_rate.max"),
    }


def test_a_transform_that_is_not_known_is_refused_by_name() -> None:
    contract = replace(REGISTRY.get("core.plays"), transform="deduplicate_pages")
    with pytest.raises(ContractError, match=r"core\.plays .*deduplicate_pages.* Next: Name one of .*attribute_plays"):
        transform_of(contract)


def test_sql_that_is_not_there_is_refused_by_file(tmp_path: Path) -> None:
    contract = replace(REGISTRY.get("core.plays"), transform=SQL_FILE, folder=tmp_path)
    with pytest.raises(ContractError, match=SQL_FILE):
        transform_of(contract)


def test_every_shipped_contract_names_a_transform_that_can_be_run() -> None:
    for contract in REGISTRY.all():
        if contract.transform is not None:
            assert callable(transform_of(contract))
