"""Small inputs that went wrong once, landed from the folder of cases beside the checkout."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from matinee.landing.ingest import ingest
from matinee.settings import Settings
from matinee.table.catalog import Lake

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
pytestmark = [pytest.mark.spark, pytest.mark.skipif(not CASES.is_dir(), reason="the folder of cases is not there")]
LANDED = datetime(2026, 3, 2, tzinfo=UTC)


def test_ids_of_different_halves_of_surrogate_pairs_do_not_become_one(settings: Settings) -> None:
    ingest(settings, None, [CASES / "15-ndjson" / "plays_06_surrogate.jsonl"], LANDED)
    bad = Lake.open(settings).table("raw.quarantine").scan().to_arrow().to_pylist()
    assert sorted((row["line"], row["reason"]) for row in bad) == [(1, "wrong_type_play_id"), (2, "wrong_type_play_id")]
    assert len({row["payload"] for row in bad}) == 2


def test_ids_of_parquet_without_the_mark_of_text_equal_other_ids(settings: Settings) -> None:
    ingest(settings, None, [CASES / "03-parquet-binary-ids"], LANDED)
    lake = Lake.open(settings)
    [play] = lake.table("raw.plays").scan().to_arrow().to_pylist()
    [shown] = lake.table("raw.impressions").scan().to_arrow().to_pylist()
    assert (play["play_id"], play["profile_id"], play["title_id"]) == ("p1", "carla", "T9")
    assert (shown["profile_id"], shown["title_id"]) == ("carla", "T9")
