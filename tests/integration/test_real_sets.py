"""Real events with known truth: the winner of every play against the impression that its source ties it to."""

import csv
import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.support.lakes import ids

from matinee.days import end_of
from matinee.engine.session import spark_session
from matinee.landing.ingest import close_through, ingest
from matinee.live.catch_up import update_live
from matinee.parity.gate import judge
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes
from matinee.validity.validity import Validity

pytestmark = [pytest.mark.spark, pytest.mark.realdata]
CHAIN = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")
LANDED_AT = datetime(2026, 11, 21, tzinfo=UTC)


def land_and_publish(settings: Settings, folder: Path) -> tuple[Lake, date]:
    """Land a set, close its days, and run the chain over all of them by `matinee run --from --to`."""
    ingest(settings, None, [folder / "impressions.jsonl.gz", folder / "plays.jsonl.gz"], LANDED_AT)
    lake = Lake.open(settings)
    days = [day for name in ("raw.impressions", "raw.plays") for day in day_sizes(lake.table(name), "event_day")]
    close_through(settings, None, max(days), LANDED_AT)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, min(days), max(days)))
    return lake, max(days)


def wrong(lake: Lake, folder: Path) -> dict[str, tuple[str, str | None]]:
    """Return the plays whose winner is not the truth: (truth, ours)."""
    table = lake.table("core.play_attributions").scan(selected_fields=("play_id", "event_id")).to_arrow()
    ours = dict(zip(table["play_id"].to_pylist(), table["event_id"].to_pylist(), strict=True))
    with gzip.open(folder / "truth.csv.gz", "rt", newline="") as stream:
        truth = {row["play_id"]: row["truth_event_id"] for row in csv.DictReader(stream)}
    return {play: (event, ours.get(play)) for play, event in truth.items() if ours.get(play) != event}


@pytest.mark.parametrize(
    ("name", "impressions", "plays", "mismatches"),
    [
        ("ranklens", 120_552, 23_630, 0),
        pytest.param("obd_random", 30_000, 130, 0, marks=pytest.mark.slow),
        pytest.param("ebnerd", 5_588, 8_848, 15, marks=pytest.mark.slow),
    ],
)
def test_every_play_goes_to_the_impression_that_its_source_names(
    settings: Settings, real_data: Path, name: str, impressions: int, plays: int, mismatches: int
) -> None:
    lake, last = land_and_publish(settings, real_data / name)
    mismatched = wrong(lake, real_data / name)
    assert len(mismatched) <= mismatches, mismatched
    assert len(ids(lake, "core.impression_plays", "event_id")) == impressions
    assert len(ids(lake, "core.play_attributions", "play_id")) == plays
    assert {Validity(lake).vtts(dataset).vtts for dataset in CHAIN} == {end_of(last)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["obd_random", "ebnerd"])
def test_every_live_row_of_a_mature_day_is_the_batchs(settings: Settings, real_data: Path, name: str) -> None:
    """Only of sets with a mature day: ranklens is a single day, and no later event ends it."""
    lake, _ = land_and_publish(settings, real_data / name)
    with spark_session(settings) as spark:
        update_live(lake, spark)
    parities = judge(settings)
    assert sum(parity.rows for parity in parities) > 0
    assert {(parity.differing, parity.arrived_after_batch) for parity in parities} == {(0, 0)}
    assert {score for parity in parities for score in parity.scores.values()} == {1.0}
