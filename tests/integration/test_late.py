"""Stale days: also a day that was published while one of its inputs was not valid, once that input is valid."""

from datetime import timedelta
from pathlib import Path

from tests.support.lakes import D1, D2, NOON, at, land, land_days, make_lake, raw_impression, raw_play

from matinee.healing import healer
from matinee.healing.late import stale_days
from matinee.publication.request import RunRequest
from matinee.publication.steps import run

CHAIN = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")
HOUR = timedelta(hours=1)


def test_a_day_published_without_an_input_is_healed_once_it_is_valid(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    settings = lake.settings.model_copy(update={"engine": "sail"})
    land_days(lake, D1, D2)
    land(lake, "raw.plays", [raw_play(D2, "next day", title_id="t1", start_ts=at(D2, NOON - HOUR))], seq=2, close=False)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D2))
    land(lake, "raw.impressions", [raw_impression(D2, "late", title_id="tx")], seq=2, close=False)
    run(settings, RunRequest("core.impressions", D2, D2))
    run(settings, RunRequest("core.impression_plays", D1, D1))

    def plays() -> list[int]:
        rows = lake.table("core.impression_plays").scan(row_filter=f"event_day = '{D1}'").to_arrow()
        return rows["plays"].to_pylist()

    assert plays() == [1]
    healer.apply(settings)
    assert plays() == [2]
    assert list(stale_days(lake)) == []
