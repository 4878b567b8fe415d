"""Landing a micro-batch: each record lands once, however often and in whatever batches it comes."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from tests.support.lakes import ids

from matinee.engine.session import spark_session
from matinee.errors import TopicChangedError
from matinee.landing import micro_batch, offsets
from matinee.landing.batches import unfinished
from matinee.landing.micro_batch import land_batch
from matinee.landing.model import QUARANTINE
from matinee.live.topics import refuse_shorter
from matinee.settings import LandingSettings, Settings
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark
PLAYS = "raw.plays"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
PLAY = '{"play_id":"p%d","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T11:59:00Z"}'
#: What stands at each offset of a partition; the third record is no JSON.
RECORDS = [PLAY % number if number != 2 else "oops" for number in range(6)]


def batch(spark: SparkSession, first: int, until: int, partition: int = 0) -> DataFrame:
    return records(spark, [(offset, RECORDS[offset], NOON) for offset in range(first, until)], partition)


def records(spark: SparkSession, sent: list[tuple[int, str, datetime]], partition: int = 0) -> DataFrame:
    rows = [(f"plays/{partition}", *record) for record in sent]
    return spark.createDataFrame(rows, "file string, line long, payload string, landed_ts timestamp")


def received(number: int, moment: datetime) -> str:
    return json.dumps(json.loads(PLAY % number) | {"received_ts": moment.isoformat()})


def bad_lines(lake: Lake) -> list[tuple[str, int]]:
    rows = lake.table(QUARANTINE).scan().to_arrow().to_pylist()
    return sorted((row["file"], row["line"]) for row in rows)


def test_records_become_rows_and_what_cannot_be_read_is_quarantined(settings: Settings) -> None:
    lake = Lake.open(settings)
    with spark_session(settings) as spark:
        done = land_batch(lake, lake.registry.get(PLAYS), batch(spark, 0, 4), LATER)
    assert ids(lake, PLAYS, "play_id") == ["p0", "p1", "p3"]
    assert bad_lines(lake) == [("plays/0", 2)]
    assert (done.rows, done.bad, done.offsets) == (4, 1, {"plays/0": 4})
    assert offsets.landed_through(lake, PLAYS, PLAYS) == {"plays/0": 4}


def test_a_topic_without_identity_that_became_shorter_is_refused(
    settings: Settings,
) -> None:
    lake = Lake.open(settings)
    with spark_session(settings) as spark:
        land_batch(lake, lake.registry.get(PLAYS), batch(spark, 0, 4), LATER)
    refuse_shorter(lake, {"plays": PLAYS}, {"plays": {"0": 4, "1": 0}})
    with pytest.raises(TopicChangedError, match=r"plays/0 ends at offset 3, but raw.plays has its records up to 4"):
        refuse_shorter(lake, {"plays": PLAYS}, {"plays": {"0": 3}})


@pytest.mark.parametrize(
    "again", [*(pytest.param(bounds, marks=pytest.mark.slow) for bounds in ((0, 4), (1, 4), (0, 6))), (3, 6)]
)
def test_a_batch_that_comes_again_with_other_bounds_adds_only_what_is_new(
    settings: Settings, again: tuple[int, int]
) -> None:
    lake = Lake.open(settings)
    contract = lake.registry.get(PLAYS)
    with spark_session(settings) as spark:
        land_batch(lake, contract, batch(spark, 0, 4), LATER)
        land_batch(lake, contract, batch(spark, *again), LATER)
        land_batch(lake, contract, batch(spark, 4, 6), LATER)
        land_batch(lake, contract, batch(spark, 0, 2, partition=1), LATER)
    assert ids(lake, PLAYS, "play_id") == ["p0", "p0", "p1", "p1", "p3", "p4", "p5"]
    assert bad_lines(lake) == [("plays/0", 2)]
    assert offsets.landed_through(lake, PLAYS, PLAYS) == {"plays/0": 6, "plays/1": 2}


def test_a_landing_that_died_after_the_quarantine_goes_on_in_another_batch(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(settings)
    contract = lake.registry.get(PLAYS)

    def die(point: str) -> None:
        if point.startswith("stream."):
            raise KeyboardInterrupt(point)

    with spark_session(settings) as spark:
        monkeypatch.setattr(micro_batch.faults, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            land_batch(lake, contract, batch(spark, 0, 4), LATER)
        monkeypatch.undo()
        land_batch(lake, contract, batch(spark, 0, 6), LATER)
    assert ids(lake, PLAYS, "play_id") == ["p0", "p1", "p3", "p4", "p5"]
    assert bad_lines(lake) == [("plays/0", 2)]
    assert unfinished(lake) == []


def test_a_record_may_be_received_ten_minutes_after_its_broker_got_it(settings: Settings) -> None:
    lake, ahead = Lake.open(settings), timedelta(minutes=10)
    wild = received(2, datetime.max.replace(tzinfo=UTC)).replace("2026-03-01T11", "0001-01-01T11")
    sent = [received(0, NOON + ahead), received(1, NOON + ahead + timedelta(microseconds=1)), wild]
    with spark_session(settings) as spark:
        lines = records(spark, [(offset, record, NOON) for offset, record in enumerate(sent)])
        land_batch(lake, lake.registry.get(PLAYS), lines, LATER)
    assert ids(lake, PLAYS, "play_id") == ["p0"]
    bad = lake.table(QUARANTINE).scan().to_arrow().to_pylist()
    assert {row["line"]: row["reason"] for row in bad} == {1: "received_in_future", 2: "day_out_of_range"}
    assert [offsets.last_streamed(lake, name, PLAYS).received_ts for name in (PLAYS, QUARANTINE)] == [NOON, NOON]


def test_a_record_with_a_broker_time_of_tomorrow_came_with_its_batch(
    settings: Settings,
) -> None:
    lake, tomorrow = Lake.open(settings), NOON + timedelta(days=1)
    with spark_session(settings) as spark:
        lines = records(spark, [(0, PLAY % 0, tomorrow), (1, received(1, tomorrow), tomorrow)])
        land_batch(lake, lake.registry.get(PLAYS), lines, LATER)
    [row] = lake.table(PLAYS).scan().to_arrow().to_pylist()
    assert (row["play_id"], row["received_ts"]) == ("p0", LATER)
    assert bad_lines(lake) == [("plays/0", 1)]


def test_a_batch_that_was_cut_off_keeps_its_landing_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.open(settings)
    contract, tomorrow = lake.registry.get(PLAYS), NOON + timedelta(days=1)

    def die(point: str) -> None:
        if point.startswith("stream."):
            raise KeyboardInterrupt(point)

    with spark_session(settings) as spark:
        lines = records(spark, [(0, PLAY % 0, tomorrow), (1, received(1, tomorrow), tomorrow)])
        monkeypatch.setattr(micro_batch.faults, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            land_batch(lake, contract, lines, LATER)
        monkeypatch.undo()
        land_batch(lake, contract, lines, tomorrow)
    assert ids(lake, PLAYS, "play_id") == ["p0"]
    assert bad_lines(lake) == [("plays/0", 1)]


def test_a_record_from_before_the_calendar_is_quarantined_alone(settings: Settings) -> None:
    lake = Lake.open(settings)
    early = (PLAY % 0).replace("2026-03-01T11:59:00Z", "0001-01-01T01:00:00+09:00")
    with spark_session(settings) as spark:
        early = json.dumps(json.loads(early) | {"received_ts": "0001-01-01T02:00:00+09:00"})
        land_batch(lake, lake.registry.get(PLAYS), records(spark, [(0, early, NOON)]), LATER)
    assert bad_lines(lake) == [("plays/0", 0)]


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)], ids=["raised", "lowered"])
def test_another_limit_of_records_after_a_kill_neither_loses_nor_doubles(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    lake, changed = (
        Lake.open(settings.model_copy(update={"landing": LandingSettings(max_line_mb=limit)}))
        for limit in (before, after)
    )
    contract = lake.registry.get(PLAYS)

    def die(point: str) -> None:
        if point == "stream.after_quarantine":
            raise KeyboardInterrupt(point)

    with spark_session(settings) as spark:
        long = PLAY % 0 + " " * (3 << 19)
        lines = records(spark, [(0, long, NOON), (1, "oops", NOON), (2, long.replace("p0", "p2"), NOON)])
        monkeypatch.setattr(micro_batch.faults, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            land_batch(lake, contract, lines, LATER)
        monkeypatch.undo()
        land_batch(changed, contract, lines, LATER)
    # The killed batch told of its records up to the last bad record; the restart judges those after that itself.
    good, bad = ([], [0, 1, 2]) if before == 1 else (["p0"], [1, 2])
    assert (ids(lake, PLAYS, "play_id"), bad_lines(lake)) == (good, [("plays/0", line) for line in bad])
