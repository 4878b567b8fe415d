"""Landing a micro-batch: whatever comes again, and in whatever batches, each record is there once."""

from datetime import UTC, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession
from tests.lakes import ids

from matinee.engine.session import spark_session
from matinee.landing import landed_files, micro_batch, offsets
from matinee.landing.micro_batch import land_batch
from matinee.landing.model import QUARANTINE
from matinee.settings import Settings
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark
PLAYS = "raw.plays"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAY = '{"play_id":"p%d","profile_id":"ana","title_id":"t","start_ts":"2026-03-01T11:59:00Z"}'
#: What stands at each offset of a partition; the third record is no JSON.
RECORDS = [PLAY % number if number != 2 else "oops" for number in range(6)]


def batch(spark: SparkSession, first: int, until: int, partition: int = 0) -> DataFrame:
    rows = [(f"plays/{partition}", offset, RECORDS[offset], NOON) for offset in range(first, until)]
    return spark.createDataFrame(rows, "file string, line long, payload string, landed_ts timestamp")


def bad_lines(lake: Lake) -> list[tuple[str, int]]:
    rows = lake.table(QUARANTINE).scan().to_arrow().to_pylist()
    return sorted((row["file"], row["line"]) for row in rows)


def test_records_become_rows_and_what_cannot_be_read_is_quarantined(settings: Settings) -> None:
    lake = Lake.open(settings)
    with spark_session(settings) as spark:
        done = land_batch(lake, lake.registry.get(PLAYS), batch(spark, 0, 4))
    assert ids(lake, PLAYS, "play_id") == ["p0", "p1", "p3"]
    assert bad_lines(lake) == [("plays/0", 2)]
    assert (done.rows, done.bad, done.offsets) == (4, 1, {"plays/0": 4})
    assert offsets.landed_through(lake, PLAYS, PLAYS) == {"plays/0": 4}


@pytest.mark.parametrize(
    "again", [*(pytest.param(one, marks=pytest.mark.slow) for one in ((0, 4), (1, 4), (0, 6))), (3, 6)]
)
def test_a_batch_that_comes_again_with_other_bounds_adds_only_what_is_new(
    settings: Settings, again: tuple[int, int]
) -> None:
    lake = Lake.open(settings)
    contract = lake.registry.get(PLAYS)
    with spark_session(settings) as spark:
        land_batch(lake, contract, batch(spark, 0, 4))
        land_batch(lake, contract, batch(spark, *again))
        land_batch(lake, contract, batch(spark, 4, 6))
        land_batch(lake, contract, batch(spark, 0, 2, partition=1))
    assert ids(lake, PLAYS, "play_id") == ["p0", "p0", "p1", "p1", "p3", "p4", "p5"]
    assert bad_lines(lake) == [("plays/0", 2)]
    assert offsets.landed_through(lake, PLAYS, PLAYS) == {"plays/0": 6, "plays/1": 2}


def test_a_landing_that_died_after_the_quarantine_goes_on_in_another_batch(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(settings)
    contract = lake.registry.get(PLAYS)

    def die(point: str) -> None:
        raise KeyboardInterrupt(point)

    with spark_session(settings) as spark:
        monkeypatch.setattr(micro_batch.faults, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            land_batch(lake, contract, batch(spark, 0, 4))
        monkeypatch.undo()
        land_batch(lake, contract, batch(spark, 0, 6))
    assert ids(lake, PLAYS, "play_id") == ["p0", "p1", "p3", "p4", "p5"]
    assert bad_lines(lake) == [("plays/0", 2)]
    assert landed_files.unfinished(lake) == []
