"""The batch judges the stream: equal rows score 1, each seeded difference is named by its cause, repair ends it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pyspark.sql import SparkSession
from tests.support.lakes import D1, D2, NOON, at, land, raw_impression, raw_play

from matinee.contracts.model import live_name
from matinee.engine.session import spark_session
from matinee.errors import InputsNotValidError, StreamDiffersError
from matinee.live.catch_up import update_live
from matinee.live.impressions import ATTRIBUTIONS, OUTCOMES
from matinee.live.progress import progress
from matinee.live.repair import expire, repair
from matinee.parity.compare import compare
from matinee.parity.gate import judge
from matinee.parity.register import Parity, days_to_compare
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing

pytestmark = [pytest.mark.spark, pytest.mark.sail]
CHAIN = ("core.impressions", "core.plays", ATTRIBUTIONS, OUTCOMES)
MINUTE = timedelta(minutes=1)
LATER = at(D2, timedelta(days=3))
PROFILES = ("plain", "unknown", "dropped", "replayed", "twice", "tied", "skewed")


def shown(profile: str, event_id: str | None = None, **values: object) -> dict[str, object]:
    return raw_impression(D1, event_id or f"e_{profile}", profile_id=profile, **values)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    """A lake whose first day is published, mature and live; both sides agree."""
    lake = Lake.open(settings)
    impressions = [shown(profile) for profile in PROFILES if profile not in {"twice", "skewed"}]
    impressions += [shown("twice"), shown("twice", device="other", received_ts=at(D1) + MINUTE)]
    impressions += [shown("tied", "e_tied2"), shown("skewed", event_ts=at(D1) + MINUTE)]
    started = at(D1, NOON + 2 * MINUTE)
    plays = [raw_play(D1, f"p_{name}", profile_id=name, start_ts=started, received_ts=started) for name in PROFILES]
    land(lake, "raw.impressions", [*impressions, raw_impression(D2, "next", received_ts=LATER)], received=LATER)
    land(lake, "raw.plays", [*plays, raw_play(D2, "next", received_ts=LATER)], received=LATER)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D2))
    return lake


@pytest.fixture
def spark(settings: Settings, lake: Lake) -> Iterator[SparkSession]:
    with spark_session(settings) as session:
        update_live(lake, session)
        yield session


def compared(lake: Lake, spark: SparkSession) -> dict[str, Parity]:
    return {dataset: compare(lake, spark, dataset, D1) for dataset in (ATTRIBUTIONS, OUTCOMES)}


def test_a_live_day_that_agrees_scores_one_and_later_rows_count_apart(
    settings: Settings, lake: Lake, spark: SparkSession
) -> None:
    assert set(days_to_compare(lake)) == {(OUTCOMES, D1), (ATTRIBUTIONS, D1)}
    parities = judge(settings)
    assert {(parity.dataset, parity.day, parity.rows, parity.differing) for parity in parities} == {
        (ATTRIBUTIONS, D1, 7, 0),
        (OUTCOMES, D1, 8, 0),
    }
    assert {score for parity in parities for score in parity.scores.values()} == {1.0}
    assert judge(settings) == []
    with pytest.raises(InputsNotValidError, match="before its last window ended"):
        compare(lake, spark, OUTCOMES, D2)
    late = shown("plain", "late", event_ts=at(D1, NOON + MINUTE))
    land(lake, "raw.impressions", [late], seq=2, close=False, received=LATER)
    update_live(lake, spark)
    after = compared(lake, spark)
    assert (after[OUTCOMES].arrived_after_batch, after[OUTCOMES].differing) == (2, 0)
    assert (after[ATTRIBUTIONS].arrived_after_batch, after[ATTRIBUTIONS].differing) == (1, 0)
    assert set(after[OUTCOMES].scores.values()) == {1.0}


def seed(lake: Lake, spark: SparkSession) -> None:
    """Break the live tables, each profile in the way that its name says."""
    catalog = lake.settings.catalog_name
    outcomes, attributions = (f"{catalog}.{live_name(dataset)}" for dataset in (OUTCOMES, ATTRIBUTIONS))
    for profile in ("unknown", "twice", "skewed"):
        spark.sql(f"UPDATE {outcomes} SET device = 'wrong' WHERE profile_id = '{profile}'").collect()
    spark.sql(f"DELETE FROM {outcomes} WHERE profile_id = 'dropped'").collect()
    spark.sql(f"INSERT INTO {outcomes} SELECT * FROM {outcomes} WHERE profile_id = 'replayed'").collect()
    spark.sql(f"UPDATE {attributions} SET event_id = 'e_tied' WHERE profile_id = 'tied'").collect()


@pytest.mark.slow
def test_every_seeded_difference_is_named_by_cause_and_repaired(
    settings: Settings, lake: Lake, spark: SparkSession
) -> None:
    seed(lake, spark)
    parities = compared(lake, spark)
    assert parities[OUTCOMES].causes == {"unknown": 1, "dropped": 1, "replayed": 1, "duplicate_id": 1, "clock_skew": 1}
    assert parities[ATTRIBUTIONS].causes == {"tie": 1}
    assert parities[ATTRIBUTIONS].scores["event_id"] == round(6 / 7, 9)
    assert parities[ATTRIBUTIONS].scores["play_id"] == 1
    with pytest.raises(StreamDiffersError, match="5 of 8 rows differ") as stopped:
        judge(settings, D1)
    assert f"repair --key {D1}" in stopped.value.next_step
    assert set(days_to_compare(lake)) == {(OUTCOMES, D1), (ATTRIBUTIONS, D1)}
    repair(settings, D1)
    assert [parity.differing for parity in judge(settings)] == [0, 0]
    spark.sql(
        f"UPDATE {lake.settings.catalog_name}.{live_name(OUTCOMES)} SET device = 'x' WHERE profile_id = 'plain'"
    ).collect()
    by_another_version(lake)
    assert compare(lake, spark, OUTCOMES, D1).causes == {"version": 1}


def by_another_version(lake: Lake) -> None:
    """Have the newest commit say that an older version made it."""
    older = replace(progress(lake, OUTCOMES), made_by=("0.9.0", "0"))
    commit_nothing(lake, live_name(OUTCOMES), refs.MAIN, older.to_summary())


@pytest.mark.slow
def test_an_expired_day_stays_gone_and_still_wins_plays_of_the_next_one(
    settings: Settings, lake: Lake, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = lake.table(live_name(OUTCOMES)).scan().to_arrow().num_rows
    for kept, left in (((D1,), live), ((), 1)):
        monkeypatch.setattr("matinee.live.repair.end_of_live", lambda *_, kept=kept: (D1, kept))
        assert expire(settings) == D1
        assert lake.table(live_name(OUTCOMES)).scan().to_arrow().num_rows == left
    late = shown("plain", "late", event_ts=at(D1, timedelta(hours=23)))
    play = raw_play(D2, "early", profile_id="plain", start_ts=at(D2, timedelta(hours=1)))
    land(lake, "raw.impressions", [late], seq=2, close=False, received=LATER)
    land(lake, "raw.plays", [play], seq=2, close=False, received=LATER)
    update_live(lake, spark)
    rows = lake.table(live_name(ATTRIBUTIONS)).scan().to_arrow().to_pylist()
    assert sorted((row["play_id"], row["event_id"]) for row in rows) == [("early", "late"), ("next", "next")]
    outcomes = lake.table(live_name(OUTCOMES)).scan().to_arrow().to_pylist()
    assert [row["event_id"] for row in outcomes] == ["next"]
