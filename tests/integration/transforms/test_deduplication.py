"""Repeats of a day become one row, and always the same one."""

import itertools
from typing import TYPE_CHECKING

import pytest
from tests.integration.transforms.rows import D1, D2, NOON, US, Derivation, at, landed_impression, landed_play, ordered
from tests.support import reference
from tests.support.frames import REGISTRY, frame

from matinee.transforms.deduplication import unrepeated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
IMPRESSIONS = Derivation("core.impressions", D1, D2)
PLAYS = Derivation("core.plays", D1, D2)


def durations(spark: "SparkSession", *seconds: float | None) -> list[int | None]:
    events = [landed_play(f"p{number}", duration_s=value) for number, value in enumerate(seconds)]
    rows = PLAYS.run(spark, {"events": events})
    return [row["duration_ms"] for row in sorted(rows, key=lambda row: str(row["play_id"]))]


def test_a_row_that_arrives_once_keeps_its_values_and_gains_the_bucket(spark: "SparkSession") -> None:
    event = landed_impression(profile_id="profile-7", device="tv", country="DE", page_id="g", app_version="1.2")
    [row] = IMPRESSIONS.run(spark, {"events": [event]})
    del event["landing_seq"], event["file"]
    assert row == {**event, "profile_bucket": reference.bucket("profile-7")}


def test_rows_known_to_have_no_repeat_become_the_rows_of_the_transform(spark: "SparkSession") -> None:
    events = [landed_play(f"p{number}", profile_id=f"a{number}", duration_s=number / 3) for number in range(20)]
    plays = unrepeated(frame(spark, "raw.plays", events), REGISTRY.get("core.plays")).toArrow().to_pylist()
    assert ordered(plays) == ordered(PLAYS.run(spark, {"events": events}))


def test_of_repeats_the_first_received_wins(spark: "SparkSession") -> None:
    late = landed_impression(row=9, received_ts=NOON + 2 * US)
    early = landed_impression(row=1, received_ts=NOON + US)
    assert [row["row"] for row in IMPRESSIONS.run(spark, {"events": [late, early]})] == [1]


def test_received_together_the_earlier_event_wins(spark: "SparkSession") -> None:
    later = landed_impression(when=NOON + US, received_ts=at("13:00"))
    earlier = landed_impression(when=NOON, received_ts=at("13:00"))
    assert [row["event_ts"] for row in IMPRESSIONS.run(spark, {"events": [later, earlier]})] == [NOON]


def test_at_the_same_instants_the_least_payload_hash_wins(spark: "SparkSession") -> None:
    events = [landed_impression(device=device) for device in ("tv", 'a "phone"', "Ü\t\\", None)]
    [expected] = reference.impressions(events)
    for order in list(itertools.permutations(events))[::7]:
        assert IMPRESSIONS.run(spark, {"events": order}) == ordered([expected])


def test_plays_differ_by_published_digits_only(spark: "SparkSession") -> None:
    events = [landed_play(duration_s=value) for value in (1.00001, 1.00002)]
    assert [row["duration_ms"] for row in PLAYS.run(spark, {"events": events})] == [1000]


def test_equal_rows_from_two_files_are_one_row(spark: "SparkSession") -> None:
    events = [landed_impression(landing_seq=number, file=f"f{number}") for number in (1, 2, 3)]
    assert len(IMPRESSIONS.run(spark, {"events": events})) == 1


def test_an_id_on_two_days_stays_on_both(spark: "SparkSession") -> None:
    midnight = at("00:00", D2)
    events = [landed_impression(when=midnight - US), landed_impression(when=midnight)]
    assert sorted(row["event_day"] for row in IMPRESSIONS.run(spark, {"events": events})) == [D1, D2]


def test_a_day_without_events_is_a_day_without_rows(spark: "SparkSession") -> None:
    assert PLAYS.run(spark, {"events": []}) == []


def test_a_duration_half_way_between_milliseconds_goes_to_the_even_one(spark: "SparkSession") -> None:
    assert durations(spark, 0.0005, 0.0015, 1.0005, 1.0015, 2.6755) == [0, 2, 1000, 1002, 2676]


def test_a_duration_next_to_half_way_goes_to_the_nearest(spark: "SparkSession") -> None:
    assert durations(spark, 0.0004999999999999999, 1.0004999999999997, 1.0005000000000002) == [0, 1000, 1001]


def test_a_duration_is_exact_where_floating_point_is_not(spark: "SparkSession") -> None:
    assert durations(spark, 0.0, 8.2, 1234567.891, 4.35) == [0, 8200, 1234567891, 4350]


def test_a_duration_that_was_not_measured_stays_unknown(spark: "SparkSession") -> None:
    assert durations(spark, None) == [None]
