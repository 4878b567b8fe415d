"""Each impression has one row with its outcome, and with whether the outcome can still change."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.transforms.rows import D0, D1, D2, DAY, NOON, US, Derivation, Row, at, ordered, shown, won

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def derive(
    spark: "SparkSession", impressions: list[Row], attributions: list[Row], as_of: "datetime | None" = None
) -> list[Row]:
    derivation = Derivation("core.impression_plays", D1, D2, as_of=as_of)
    return derivation.run(spark, {"impressions": impressions, "attributions": attributions})


def test_an_impression_without_a_play_keeps_its_values_and_counts_nothing(spark: "SparkSession") -> None:
    impression = shown(device="tv", country="DE", page_id="g", app_version="1", profile_bucket=5)
    [row] = derive(spark, [impression], [])
    del impression["landing_seq"], impression["file"]
    assert row == impression | {
        "plays": 0,
        "plays_without_duration": 0,
        "first_play_ts": None,
        "watch_ms": 0,
        "time_to_play_ms": None,
        "label": "pending",
        "is_mature": False,
    }


def test_the_plays_of_an_impression_are_summed_up(spark: "SparkSession") -> None:
    attributions = [
        won("p2", "e1", NOON, NOON + 9000 * US, duration_ms=20),
        won("p1", "e1", NOON, NOON + 2999 * US, duration_ms=3_000_000_000),
        won("p3", "e1", NOON, NOON + 9000 * US, duration_ms=None),
    ]
    [row] = derive(spark, [shown("e1", NOON)], attributions)
    assert (row["plays"], row["plays_without_duration"], row["watch_ms"]) == (3, 1, 3_000_000_020)
    assert (row["first_play_ts"], row["time_to_play_ms"], row["label"]) == (NOON + 2999 * US, 2, "positive")


def test_plays_without_any_duration_watch_nothing(spark: "SparkSession") -> None:
    [row] = derive(spark, [shown("e1", NOON)], [won("p1", "e1", NOON, NOON)])
    assert (row["plays"], row["plays_without_duration"], row["watch_ms"]) == (1, 1, 0)


def test_organic_plays_belong_to_no_impression(spark: "SparkSession") -> None:
    [row] = derive(spark, [shown("e1", NOON)], [won("p1", None, None, NOON)])
    assert row["plays"] == 0


def test_a_play_counts_for_the_day_of_its_impression_only(spark: "SparkSession") -> None:
    midnight = at("00:00", D2)
    impressions = [shown("e1", midnight - US), shown("e1", midnight)]
    rows = derive(spark, impressions, [won("p1", "e1", midnight - US, midnight + US)])
    assert {row["event_day"]: row["plays"] for row in rows} == {D1: 1, D2: 0}


def test_wins_of_impressions_of_other_days_do_not_matter(spark: "SparkSession") -> None:
    yesterday = at("23:59", D0)
    attributions = [won("p1", "e1", yesterday, NOON), won("p2", "e9", NOON + DAY, NOON + DAY)]
    rows = derive(spark, [shown("e1", NOON)], attributions)
    assert [(row["event_id"], row["plays"]) for row in rows] == [("e1", 0)]


def test_an_impression_is_mature_only_once_its_window_has_passed(spark: "SparkSession") -> None:
    impressions = [shown("e1", NOON - US), shown("e2", NOON)]
    rows = derive(spark, impressions, [], as_of=NOON + DAY)
    labels = {row["event_id"]: (row["label"], row["is_mature"]) for row in rows}
    assert labels == {"e1": ("negative", True), "e2": ("pending", False)}


def test_a_played_impression_is_positive_before_and_after_its_window(spark: "SparkSession") -> None:
    impressions = [shown("e1", NOON - US), shown("e2", NOON)]
    attributions = [won("p1", "e1", NOON - US, NOON), won("p2", "e2", NOON, NOON)]
    rows = derive(spark, impressions, attributions, as_of=NOON + DAY)
    labels = {row["event_id"]: (row["label"], row["is_mature"]) for row in rows}
    assert labels == {"e1": ("positive", True), "e2": ("positive", False)}


def test_no_impression_is_mature_while_no_attribution_day_is_valid(spark: "SparkSession") -> None:
    assert [row["is_mature"] for row in derive(spark, [shown()], [], as_of=None)] == [False]


def test_a_day_without_impressions_has_no_rows(spark: "SparkSession") -> None:
    assert derive(spark, [], [won("p1", "e1", NOON, NOON)]) == []


def test_spreading_the_rows_otherwise_yields_the_same_rows(spark: "SparkSession") -> None:
    impressions = [shown(f"e{n}", NOON + n * US) for n in range(50)]
    attributions = [
        won(f"p{n}", f"e{n % 9}", NOON + n % 9 * US, NOON + timedelta(hours=1), duration_ms=n) for n in range(40)
    ]
    once = derive(spark, impressions, attributions)
    spread = Derivation("core.impression_plays", D1, D2, partitions=7)
    again = spread.run(spark, {"impressions": impressions[::-1], "attributions": attributions[::-1]})
    assert ordered(again) == ordered(once)
