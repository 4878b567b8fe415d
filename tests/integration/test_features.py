"""Tiles by the ordinary cycle, on both engines."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.support.features import impression_daily
from tests.support.lakes import D1, D2, at, land, land_days, raw_impression

from matinee.errors import InputsNotValidError
from matinee.healing.healer import apply
from matinee.ledger.ledger import history
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

CHAIN = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")
TILES = "features.impression_daily"


@pytest.fixture
def on_sail(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "sail"})


@pytest.fixture
def lake_on_sail(tmp_path: Path) -> Settings:
    """A new lake without a JVM."""
    return load_settings(home=tmp_path / "home", catalog="embedded", engine="sail", spark_remote=None)


def labelled(settings: Settings, *days: date) -> None:
    """Land days and publish their labels."""
    land_days(Lake.open(settings), *days)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, days[0], days[-1]))


def rows(settings: Settings, dataset: str, day: date) -> list[dict[str, Any]]:
    table = Lake.open(settings).table(dataset).scan(row_filter=f"event_day = '{day}'").to_arrow()
    order = [(name, "ascending") for name in ("profile_id", "title_id")]
    return table.sort_by(order).to_pylist()


def compared(tiles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: pytest.approx(row[name], rel=1e-12) if name[:2] == "w_" else row[name] for name in sorted(row)}
        for row in tiles
    ]


@pytest.mark.spark
@pytest.mark.embedded
def test_both_engines_publish_the_same_tiles(settings: Settings, on_sail: Settings) -> None:
    labelled(on_sail, D1, D2)
    expected = compared(impression_daily(rows(settings, CHAIN[-1], D1)))
    stamps = []
    for engine in (settings, on_sail):
        report = run(engine, RunRequest(TILES, D1, D1))
        assert not [verdict.audit for verdict in report.verdicts if verdict.verdict != "pass"]
        assert [dict(sorted(row.items())) for row in rows(engine, TILES, D1)] == expected
        newest = history(Lake.open(engine), TILES).newest(D1)
        stamps.append(newest.stamps if newest else None)
    assert stamps[0] == stamps[1]
    assert Validity(Lake.open(settings)).status(TILES, D1).valid


def test_a_tile_is_derived_once_its_labels_can_change_no_more(lake_on_sail: Settings) -> None:
    labelled(lake_on_sail, D1, D2)
    with pytest.raises(InputsNotValidError, match=f"reads {CHAIN[-1]} {D2}, which is not mature"):
        run(lake_on_sail, RunRequest(TILES, D2, D2))


@pytest.mark.slow
def test_a_late_impression_heals_its_cell_of_the_tile_alone(lake_on_sail: Settings) -> None:
    settings = lake_on_sail
    labelled(settings, D1, D2)
    run(settings, RunRequest(TILES, D1, D1))
    land(Lake.open(settings), "raw.impressions", [raw_impression(D1, "late", profile_id="b", event_ts=at(D1))], seq=2)
    apply(settings)
    newest = history(Lake.open(settings), TILES).newest(D1)
    assert newest is not None
    assert (newest.generation, len(newest.run.buckets or ())) == (2, 1)
    assert compared(rows(settings, TILES, D1)) == compared(impression_daily(rows(settings, CHAIN[-1], D1)))
