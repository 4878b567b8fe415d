"""The whole chain yields what the reference yields, on many small random cases that run together.

Cases of one batch share the window and the least delay and are kept apart by their profiles and ids, so that one run
of the chain judges all of them. A batch is made from a seed: it has thousands of choices, more than can be shrunk.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.transforms.rows import D0, D1, D2, DAY, US, Derivation, Row, at, landed_impression, landed_play
from tests.integration.transforms.rows import ordered as in_order
from tests.support import reference

from matinee.days import parse_duration
from matinee.domain import attribution
from matinee.settings import Engine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CASES = 80
WINDOWS, MIN_DELAYS = ("24h", "24h", "90m", "250ms"), ("0s", "0s", "1ms", "250ms", "2h")
ANCHORS = (at("23:00", D0), at("00:00"), at("12:00"), at("23:59:59.999999"), at("00:00", D2), at("00:30", D2))
AS_OF = (None, at("00:00", D2), at("12:00", D2), at("23:00", D2) + 2 * US, at("00:00", D2) + 9 * DAY)
ATTRIBUTION_DAYS = (frozenset({D0, D1, D2}), frozenset({D1, D2}), frozenset({D1}))


@dataclass(frozen=True)
class Batch:
    """Landed rows of all cases, and the parameters of their derivation."""

    impressions: list[Row]
    plays: list[Row]
    window: timedelta
    min_delay: timedelta
    parameters: dict[str, str]
    as_of: datetime | None
    attribution_days: frozenset[date]
    partitions: int | None


def batch_of(seed: int) -> Batch:
    """Cases whose ids, titles and instants are few, so that repeats, ties and edges are common."""
    draw = random.Random(seed)  # noqa: S311 - tests are seeded, nothing is secret
    window, min_delay = draw.choice(WINDOWS), draw.choice(MIN_DELAYS)
    edges = (timedelta(0), parse_duration(window), parse_duration(min_delay), timedelta(minutes=1))
    impressions, plays = [], []
    for case in range(CASES):
        anchors = draw.sample(ANCHORS, 2)
        instants = [draw.choice(anchors) + draw.choice((0, 0, 1, 999, 1000, 60_000_000)) * US for _ in range(3)]
        impressions += [impression(draw, case, draw.choice(instants)) for _ in range(draw.randrange(8))]
        plays += [
            play(draw, case, draw.choice(instants) + draw.choice(edges) + draw.choice((0, 0, 1, -1, 1001)) * US)
            for _ in range(draw.randrange(7))
        ]
    draw.shuffle(impressions)
    draw.shuffle(plays)
    parameters = {"attribution.window": window, "attribution.min_delay": min_delay}
    return Batch(
        impressions,
        plays,
        parse_duration(window),
        parse_duration(min_delay),
        parameters,
        draw.choice(AS_OF),
        draw.choice(ATTRIBUTION_DAYS),
        draw.choice((None, 3)),
    )


def impression(draw: random.Random, case: int, when: datetime) -> Row:
    """A landed impression of a case."""
    return landed_impression(
        f"{case}-{draw.choice(('e1', 'E2', 'e3', 'é4', 'e5'))}",
        when,
        profile_id=f"{case}-{draw.choice('aaab')}",
        title_id=draw.choice("tttu"),
        device=draw.choice((None, "tv")),
        received_ts=when + draw.randrange(2) * US,
    )


def play(draw: random.Random, case: int, when: datetime) -> Row:
    """A landed play of a case."""
    return landed_play(
        f"{case}-{draw.choice(('p1', 'p2', 'p3', 'p4', 'p5'))}",
        when,
        profile_id=f"{case}-{draw.choice('aaab')}",
        title_id=draw.choice("tttu"),
        duration_s=draw.choice((None, 0.0005, 0.0015, 1.0005, 60.0, 4.35)),
        source=draw.choice((None, "home")),
        received_ts=when + draw.randrange(2) * US,
    )


EXACT = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.spark
@settings(EXACT, max_examples=4)
@given(seed=st.integers(0, 2**32))
def test_the_chain_yields_what_the_reference_yields(spark: "SparkSession", seed: int) -> None:
    check(spark, seed)


@pytest.mark.slow
@pytest.mark.spark
@settings(EXACT, max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_the_chain_yields_what_the_reference_yields_many_times(spark: "SparkSession", seed: int) -> None:
    check(spark, seed)


def check(spark: "SparkSession", seed: int) -> None:
    """Derive a batch by the chain and by the reference, and compare the rows of both."""
    batch = batch_of(seed)

    def derive(
        dataset: str, parameters: dict[str, str] | None = None, engine: Engine = "spark", **inputs: list[Row]
    ) -> list[Row]:
        derivation = Derivation(dataset, D0, D2, batch.as_of, parameters or {}, batch.partitions, engine)
        return in_order(derivation.run(spark, inputs))

    impressions = reference.impressions(batch.impressions)
    assert derive("core.impressions", events=batch.impressions) == in_order(impressions)

    plays = reference.plays(batch.plays)
    assert derive("core.plays", events=batch.plays) == in_order(plays)

    attributions = reference.play_attributions(plays, impressions, batch.window, batch.min_delay)
    derived = derive("core.play_attributions", batch.parameters, plays=plays, impressions=impressions)
    assert derived == in_order(attributions)
    for few in (attribution._FEW, 0, 1):  # Sail's plan by pairs alone, by time lines alone, and by both
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(attribution, "_FEW", few)
            derived = derive("core.play_attributions", batch.parameters, "sail", plays=plays, impressions=impressions)
        assert derived == in_order(attributions)

    valid = [row for row in attributions if row["play_day"] in batch.attribution_days]
    outcomes = reference.impression_plays(impressions, valid, batch.window, batch.as_of)
    derived = derive("core.impression_plays", batch.parameters, impressions=impressions, attributions=valid)
    assert derived == in_order(outcomes)


def test_the_random_cases_hold_what_is_rare() -> None:
    seen: set[str] = set()
    for seed in range(20):
        batch = batch_of(seed)
        impressions, plays = reference.impressions(batch.impressions), reference.plays(batch.plays)
        for row in reference.play_attributions(plays, impressions, batch.window, batch.min_delay):
            after = row["event_id"] and row["start_ts"] - row["event_ts"]
            rivals = [rival for rival in impressions if rival["event_ts"] == row["event_ts"] and _same_pair(rival, row)]
            seen |= {"organic"} if row["event_id"] is None else {"won"}
            seen |= {"won at the window's end"} if after == batch.window else set()
            seen |= {"won at the least delay"} if after == batch.min_delay else set()
            seen |= {"won across midnight"} if after and row["event_ts"].date() < row["play_day"] else set()
            seen |= {"tied impressions"} if len(rivals) > 1 else set()
        labels = reference.impression_plays(impressions, [], batch.window, batch.as_of)
        seen |= {row["label"] for row in labels}
        seen |= {"repeated"} if len(impressions) < len(batch.impressions) else set()
    assert seen == {
        "organic",
        "won",
        "won at the window's end",
        "won at the least delay",
        "won across midnight",
        "tied impressions",
        "repeated",
        "negative",
        "pending",
    }


def _same_pair(row: Row, other: Row) -> bool:
    return all(row[name] == other[name] for name in ("profile_id", "title_id"))
