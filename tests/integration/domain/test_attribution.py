"""Each play belongs to the last impression of its profile and title within the window, or to none."""

import random
from bisect import bisect_right
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.transforms.rows import D1, D2, DAY, NOON, US, Derivation, Row, at, ordered, played, shown

from matinee.engine.session import sail_session
from matinee.settings import Engine, Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
ATTRIBUTIONS = Derivation("core.play_attributions")


def winners(
    spark: "SparkSession", plays: list[Row], impressions: list[Row], engine: Engine = "spark", **parameters: str
) -> dict[str, str | None]:
    """Return the winner of each play; parameters are named by their last word."""
    named = {f"attribution.{name}": value for name, value in parameters.items()}
    derivation = Derivation("core.play_attributions", D1, D2, parameters=named, engine=engine)
    rows = derivation.run(spark, {"plays": plays, "impressions": impressions})
    assert len(rows) == len(plays)
    return {row["play_id"]: row["event_id"] for row in rows}


def test_an_attributed_play_keeps_its_values_and_gains_its_impression(spark: "SparkSession") -> None:
    play = played("p1", NOON + 2500 * US, duration_ms=7, source="home", profile_bucket=3)
    [row] = ATTRIBUTIONS.run(spark, {"plays": [play], "impressions": [shown("e1", NOON)]})
    assert row == {
        "play_id": "p1",
        "profile_id": "a",
        "title_id": "t",
        "start_ts": NOON + 2500 * US,
        "duration_ms": 7,
        "source": "home",
        "play_day": D1,
        "profile_bucket": 3,
        "event_id": "e1",
        "event_ts": NOON,
        "time_to_play_ms": 2,
    }


def test_a_play_that_nothing_led_to_is_organic_and_kept(spark: "SparkSession") -> None:
    [row] = ATTRIBUTIONS.run(spark, {"plays": [played()], "impressions": []})
    assert (row["event_id"], row["event_ts"], row["time_to_play_ms"]) == (None, None, None)


def test_a_day_without_plays_has_no_rows(spark: "SparkSession") -> None:
    assert ATTRIBUTIONS.run(spark, {"plays": [], "impressions": [shown()]}) == []


def test_another_title_or_profile_leads_to_nothing(spark: "SparkSession") -> None:
    others = [shown("e1", title_id="u"), shown("e2", profile_id="b")]
    assert winners(spark, [played()], others) == {"p1": None}


def test_names_that_join_to_the_same_text_are_not_mixed_up(spark: "SparkSession") -> None:
    play = played(profile_id="a", title_id="bc")
    assert winners(spark, [play], [shown(profile_id="ab", title_id="c")]) == {"p1": None}


def test_of_several_impressions_the_last_before_the_play_wins(spark: "SparkSession") -> None:
    impressions = [shown("e1", NOON), shown("e2", NOON + 2 * US), shown("e3", NOON + 4 * US)]
    assert winners(spark, [played("p1", NOON + 3 * US)], impressions) == {"p1": "e2"}


def test_of_impressions_at_the_same_instant_the_greatest_id_wins(spark: "SparkSession") -> None:
    impressions = [shown(event_id, NOON) for event_id in ("b", "B", "a", "é", "z")]
    assert winners(spark, [played("p1", NOON + US)], impressions) == {"p1": "é"}


def test_an_id_of_astral_characters_is_greater_as_its_bytes_are(spark: "SparkSession") -> None:
    impressions = [shown("\uffee", NOON), shown("\U0001f600", NOON)]
    assert winners(spark, [played("p1", NOON)], impressions) == {"p1": "\U0001f600"}


def test_an_impression_at_the_instant_of_the_play_wins(spark: "SparkSession") -> None:
    assert winners(spark, [played("p1", NOON)], [shown("e1", NOON)]) == {"p1": "e1"}


def test_an_impression_after_the_play_does_not_win(spark: "SparkSession") -> None:
    assert winners(spark, [played("p1", NOON)], [shown("e1", NOON + US)]) == {"p1": None}


def test_the_window_includes_its_far_end_and_nothing_beyond(spark: "SparkSession") -> None:
    plays = [played("p1", NOON + DAY), played("p2", NOON + DAY + US)]
    assert winners(spark, plays, [shown("e1", NOON)]) == {"p1": "e1", "p2": None}


def test_a_window_of_weeks_is_a_parameter(spark: "SparkSession") -> None:
    plays = [played("p1", NOON + 40 * DAY), played("p2", NOON + 40 * DAY + US)]
    assert winners(spark, plays, [shown("e1", NOON)], window="40d") == {"p1": "e1", "p2": None}


def test_the_least_delay_is_included_and_what_is_nearer_is_passed_over(spark: "SparkSession") -> None:
    impressions = [shown("e1", NOON), shown("e2", NOON + US)]
    play = played("p1", NOON + timedelta(milliseconds=250))
    assert winners(spark, [play], impressions, min_delay="250ms") == {"p1": "e1"}


def test_a_least_delay_beyond_the_window_leaves_every_play_organic(spark: "SparkSession") -> None:
    impressions = [shown("e1", NOON - timedelta(minutes=90))]
    assert winners(spark, [played("p1", NOON)], impressions, window="1h", min_delay="2h") == {"p1": None}


def test_a_later_impression_takes_the_plays_that_come_after_it(spark: "SparkSession") -> None:
    plays = [played("p1", NOON + US), played("p2", NOON + 3 * US)]
    impressions = [shown("e1", NOON), shown("e2", NOON + 2 * US)]
    assert winners(spark, plays, impressions) == {"p1": "e1", "p2": "e2"}


def test_one_impression_may_win_several_plays(spark: "SparkSession") -> None:
    plays = [played("p1", NOON + US), played("p2", NOON + US), played("p3", NOON + 2 * US)]
    assert winners(spark, plays, [shown("e1", NOON)]) == {"p1": "e1", "p2": "e1", "p3": "e1"}


def test_an_impression_before_midnight_wins_a_play_after_it(spark: "SparkSession") -> None:
    midnight = at("00:00", D2)
    assert winners(spark, [played("p1", midnight)], [shown("e1", midnight - US)]) == {"p1": "e1"}


def test_an_impression_after_midnight_steals_the_play_from_one_before(spark: "SparkSession") -> None:
    midnight = at("00:00", D2)
    impressions = [shown("e1", midnight - US), shown("e2", midnight)]
    assert winners(spark, [played("p1", midnight + US)], impressions) == {"p1": "e2"}


def test_a_play_id_on_two_days_stays_on_both(spark: "SparkSession") -> None:
    plays = [played("p1", NOON), played("p1", NOON + DAY)]
    rows = Derivation("core.play_attributions", D1, D2).run(spark, {"plays": plays, "impressions": []})
    assert sorted(row["play_day"] for row in rows) == [D1, D2]


def test_the_time_to_play_is_rounded_down(spark: "SparkSession") -> None:
    plays = [played("p1", NOON + 999 * US), played("p2", NOON + DAY - US)]
    rows = Derivation("core.play_attributions", D1, D2).run(spark, {"plays": plays, "impressions": [shown("e1", NOON)]})
    assert {row["play_id"]: row["time_to_play_ms"] for row in rows} == {"p1": 0, "p2": 86_399_999}


def test_spreading_the_rows_otherwise_yields_the_same_rows(spark: "SparkSession") -> None:
    draw = random.Random(3)  # noqa: S311 - literal rows, no secret
    plays = [played(f"p{n}", NOON + draw.randrange(60) * US, title_id=f"t{n % 3}") for n in range(60)]
    impressions = [shown(f"e{n}", NOON + draw.randrange(60) * US, title_id=f"t{n % 4}") for n in range(200)]
    once = ATTRIBUTIONS.run(spark, {"plays": plays, "impressions": impressions})
    draw.shuffle(plays)
    draw.shuffle(impressions)
    spread = Derivation("core.play_attributions", partitions=7)
    assert ordered(spread.run(spark, {"plays": plays, "impressions": impressions})) == ordered(once)


@pytest.mark.timeout(120)  # 36,000 x 3,000 pairs, were they formed, would take far longer
@pytest.mark.parametrize("engine", ["spark", "sail"])
def test_a_profile_that_sees_one_title_all_day_costs_a_sort(spark: "SparkSession", engine: Engine) -> None:
    draw = random.Random(5)  # noqa: S311 - literal rows, no secret
    micros = 86_400_000_000
    times = sorted((draw.randrange(micros), f"e{n}") for n in range(36_000))
    impressions = [shown(event_id, at("00:00") + offset * US) for offset, event_id in times]
    starts = {f"p{n}": draw.randrange(micros) for n in range(3_000)}
    plays = [played(play_id, at("00:00") + offset * US) for play_id, offset in starts.items()]
    attributed = winners(spark, plays, impressions, engine, window="1m", min_delay="1s")

    def last_before(start: int) -> str | None:
        place = bisect_right(times, (start - 1_000_000, "\uffff")) - 1
        return times[place][1] if place >= 0 and start - times[place][0] <= 60_000_000 else None

    assert attributed == {play_id: last_before(start) for play_id, start in starts.items()}


def test_sail_attributes_a_title_that_was_played_often(settings: Settings) -> None:
    plays = [played(f"p{number}", NOON + timedelta(minutes=number)) for number in range(40)]
    impressions = [shown("e1", NOON), shown("e2", NOON + timedelta(minutes=20))]
    with sail_session(settings) as sail:
        rows = Derivation("core.play_attributions", engine="sail").run(
            sail, {"plays": plays, "impressions": impressions}
        )
    assert {row["play_id"]: row["event_id"] for row in rows} == {
        f"p{number}": "e1" if number < 20 else "e2" for number in range(40)
    }
