"""A tile adds up what a profile saw of a title on a day, by location; each weight fades to the end of the day."""

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.transforms.rows import D1, D2, NOON, US, Derivation, Row, at, ordered, shown
from tests.support.features import impression_daily

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
EXACT = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def outcome(event_id: str = "e1", when: object = NOON, **values: object) -> Row:
    return shown(event_id, when, plays=0, watch_ms=0) | values  # type: ignore[arg-type]


def derive(spark: "SparkSession", outcomes: list[Row], partitions: int | None = None) -> list[Row]:
    derivation = Derivation("features.impression_daily", D1, D2, partitions=partitions)
    return derivation.run(spark, {"outcomes": outcomes})


def exact(rows: list[Row]) -> list[Row]:
    return ordered([{name: row[name] for name in row if not name.startswith("w_")} for row in rows])


def weights(rows: list[Row]) -> list[float]:
    return [row[name] for row in ordered(rows) for name in row if name.startswith("w_")]


def test_an_impression_at_noon_weighs_half_a_day_less(spark: "SparkSession") -> None:
    [tile] = derive(spark, [outcome("e1", NOON, plays=2, watch_ms=30)])
    assert (tile["impressions"], tile["plays"], tile["watch_ms"], tile["last_seen_ts"]) == (1, 2, 30, NOON)
    assert tile["w_1d"] == pytest.approx(2**-0.5, rel=1e-15)
    assert tile["w_365d"] == pytest.approx(2 ** (-0.5 / 365), rel=1e-15)


def test_the_location_is_the_band_of_row_and_position(spark: "SparkSession") -> None:
    places = {(1, 1): "billboard", (1, 2): "top", (3, 1): "top", (4, 1): "middle", (7, 9): "middle", (8, 1): "bottom"}
    outcomes = [outcome(f"e{n}", row=row, position=position) for n, (row, position) in enumerate(places)]
    tiles = derive(spark, [{**row, "title_id": row["event_id"]} for row in outcomes])
    assert {tile["title_id"]: tile["location"] for tile in tiles} == {
        f"e{n}": location for n, location in enumerate(places.values())
    }


def test_days_titles_and_profiles_are_kept_apart(spark: "SparkSession") -> None:
    outcomes = [
        outcome("e1", at("23:59:59.999999")),
        outcome("e2", at("00:00", D2)),
        outcome("e3", title_id="u"),
        outcome("e4", profile_id="b"),
    ]
    assert [tile["impressions"] for tile in derive(spark, outcomes)] == [1, 1, 1, 1]


def test_a_day_without_impressions_has_no_tile(spark: "SparkSession") -> None:
    assert derive(spark, []) == []


@settings(EXACT, max_examples=4)
@given(seed=st.integers(0, 2**32))
def test_tiles_are_what_brute_force_yields(spark: "SparkSession", seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - tests are seeded, nothing is secret
    outcomes = [
        outcome(
            f"e{n}é",
            at("00:00", draw.choice((D1, D2)))
            + draw.choice((0, 1, 86_399_999_999, draw.randrange(86_400_000_000))) * US,
            profile_id=f"p{draw.randrange(9)}",
            title_id=draw.choice(("t", "ü", "")),
            row=draw.randrange(1, 10),
            position=draw.randrange(1, 4),
            plays=draw.randrange(3),
            watch_ms=draw.randrange(2**40),
        )
        for n in range(300)
    ]
    expected, derived = impression_daily(outcomes), derive(spark, outcomes, draw.choice((None, 5)))
    for row in derived:
        row["profile_bucket"] = next(other for other in expected if other["profile_id"] == row["profile_id"])[
            "profile_bucket"
        ]
    assert exact(derived) == exact(expected)
    assert weights(derived) == pytest.approx(weights(expected), rel=1e-12)


def test_the_order_of_rows_does_not_change_a_bit_of_the_weights(spark: "SparkSession") -> None:
    outcomes = [outcome(f"e{n:03}", NOON + timedelta(seconds=n * n % 7919)) for n in range(500)]
    once, again = derive(spark, outcomes), derive(spark, outcomes[::-1], partitions=7)
    assert once == again
