"""The live tables: as the daily path derives them, row for row, from what is landed by now."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from pyspark.sql import functions as F
from tests.support import streams
from tests.support.lakes import D1, D2, D3, NOON, at, land, land_days, raw_impression, raw_play

from matinee.contracts.model import live_name
from matinee.engine.session import spark_session
from matinee.live.catch_up import update_live
from matinee.live.impressions import ATTRIBUTIONS, OUTCOMES, News, gather
from matinee.live.news import FEW_ROWS, View
from matinee.live.tick import tick
from matinee.maintenance.retention import expire, plan_expiry
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.sources.files.folder import Folder
from matinee.table.catalog import Lake

pytestmark = [pytest.mark.spark, pytest.mark.sail]
MINUTE = timedelta(minutes=1)
MUCH_LATER = datetime(2100, 1, 1, tzinfo=UTC)
AFTER = at(D2, timedelta(days=3))
CHAIN = ("core.impressions", "core.plays", ATTRIBUTIONS, OUTCOMES)


def catch_up(settings: Settings) -> int:
    with spark_session(settings) as spark:
        return update_live(Lake.open(settings), spark)


def test_events_in_any_order_become_what_the_daily_path_derives(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1, D2)
    catch_up(settings)
    late = raw_impression(D1, "late", title_id="t1", event_ts=at(D1, NOON + MINUTE / 2))
    land(lake, "raw.impressions", [late], seq=3, close=False)
    next_day = raw_play(D2, "next", title_id="t1", start_ts=at(D2, NOON - MINUTE))
    land(lake, "raw.plays", [next_day], seq=3, close=False)
    catch_up(settings)
    again = raw_play(D1, "p1", profile_id="b", title_id="t1", received_ts=at(D1, timedelta(0)))
    land(lake, "raw.plays", [again], seq=4, close=False)
    # Both sources have gone on for days: every window is over.
    end = {"received_ts": AFTER, "profile_id": "end"}
    land(lake, "raw.plays", [raw_play(D3, "end", **end)], seq=5, close=False, received=AFTER)
    land(lake, "raw.impressions", [raw_impression(D3, "end", **end)], seq=5, close=False, received=AFTER)
    catch_up(settings)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D2))
    assert streams.rows(settings, live_name(ATTRIBUTIONS)) == streams.rows(settings, ATTRIBUTIONS)
    assert streams.rows(settings, live_name(OUTCOMES)) == [
        row.replace("('is_mature', False)", "('is_mature', True)").replace("pending", "negative")
        for row in streams.rows(settings, OUTCOMES)
    ]


@pytest.mark.parametrize("edge", [date.min, date.max])
def test_landed_days_at_the_ends_of_the_calendar_hold_nobody_up(settings: Settings, edge: date) -> None:
    """A lake of an older version may have such rows: nothing that is derived from them has a day."""
    lake = Lake.open(settings)
    begun, ended = (datetime(edge.year, edge.month, edge.day, hour, tzinfo=UTC) for hour in (0, 23))
    shown = raw_impression(edge, "wild", event_ts=begun, received_ts=ended)
    land(lake, "raw.impressions", [raw_impression(D1), shown], close=False)
    land(lake, "raw.plays", [raw_play(D1), raw_play(edge, "wild", start_ts=begun, received_ts=ended)], close=False)
    assert catch_up(settings) == 1
    outcomes = lake.table(live_name(OUTCOMES)).scan().to_arrow().to_pylist()
    assert [(row["event_id"], row["label"]) for row in outcomes] == [("e1", "positive")]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["between the tables", pytest.param("before it reads", marks=pytest.mark.slow)])
def test_a_compaction_and_an_expiry_in_the_middle_of_a_step_change_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    catch_up(settings)
    seen: list[str] = []

    def disturb(point: str) -> None:
        if point in ("stream.after_attributions", place) and len(seen) < 2:
            seen.append(point)
            for dataset in (ATTRIBUTIONS, OUTCOMES):
                _rewrite_and_expire(settings, live_name(dataset))

    def gather_late(view: View) -> News:
        disturb("before it reads")
        return gather(view)

    monkeypatch.setattr("matinee.live.step.faults.reach", disturb)
    monkeypatch.setattr("matinee.live.impressions.gather", gather_late)
    late = raw_impression(D1, "late", title_id="t1", event_ts=at(D1, NOON + MINUTE / 2))
    land(lake, "raw.impressions", [late], seq=2, close=False)
    catch_up(settings)
    assert len(seen) == 2
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D1))
    assert streams.rows(settings, live_name(ATTRIBUTIONS)) == streams.rows(settings, ATTRIBUTIONS)
    assert streams.rows(settings, live_name(OUTCOMES)) == streams.rows(settings, OUTCOMES)


def _rewrite_and_expire(settings: Settings, dataset: str) -> None:
    catalog = settings.catalog_name
    with spark_session(settings) as spark:
        spark.sql(
            f"CALL {catalog}.system.rewrite_data_files(table => '{dataset}', options => map('rewrite-all', 'true'))"
        ).collect()
    lake = Lake.open(settings)
    expire(lake, plan_expiry(lake, dataset, MUCH_LATER))


@pytest.mark.slow
@pytest.mark.parametrize("few_rows", [pytest.param(rows, marks=pytest.mark.slow) for rows in (-1, 0)] + [FEW_ROWS])
def test_a_repeat_that_moves_a_play_survives_a_cut_between_the_tables(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, few_rows: int
) -> None:
    monkeypatch.setattr("matinee.live.news.FEW_ROWS", few_rows)
    lake = Lake.open(settings)
    land_days(lake, D1)
    catch_up(settings)

    def die(point: str) -> None:
        if point == "stream.after_attributions":
            for dataset in (ATTRIBUTIONS, OUTCOMES):
                _rewrite_and_expire(settings, live_name(dataset))
            raise KeyboardInterrupt(point)

    moved = raw_play(D1, "p1", profile_id="b", title_id="t1", received_ts=at(D1, timedelta(0)))
    land(lake, "raw.plays", [moved], seq=2, close=False)
    with monkeypatch.context() as patch:
        patch.setattr("matinee.live.step.faults.reach", die)
        with pytest.raises(KeyboardInterrupt, match="after_attributions"):
            catch_up(settings)
    catch_up(settings)
    assert {row["plays"] for row in Lake.open(settings).table(live_name(OUTCOMES)).scan().to_arrow().to_pylist()} == {0}


@pytest.mark.slow
def test_ids_that_share_a_number_are_derived_as_others_are(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matinee.live.news.F.xxhash64", lambda *columns: F.length(F.concat_ws("", *columns)))
    lake = Lake.open(settings)
    land_days(lake, D1)
    catch_up(settings)
    again = raw_impression(D1, "late", title_id="t1", event_ts=at(D1, NOON + MINUTE / 2))
    land(lake, "raw.impressions", [again, again, raw_impression(D1, "new")], seq=2, close=False)
    catch_up(settings)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D1))
    assert streams.rows(settings, live_name(ATTRIBUTIONS)) == streams.rows(settings, ATTRIBUTIONS)
    assert streams.rows(settings, live_name(OUTCOMES)) == streams.rows(settings, OUTCOMES)


@pytest.mark.slow
def test_a_step_takes_so_many_rows_and_one_landing_at_least(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(settings)
    for seq in (1, 2, 3):
        shown = [raw_impression(D1, f"e{seq}{number}", title_id=f"t{number}") for number in range(3)]
        land(lake, "raw.impressions", shown, seq=seq, received=AFTER)
    monkeypatch.setattr("matinee.live.step.STEP_ROWS", 5)
    with spark_session(settings) as spark:
        assert [update_live(lake, spark) for _ in range(2)] == [3, 0]
    assert len(streams.rows(settings, live_name(OUTCOMES))) == 9


@pytest.mark.slow
def test_a_shorter_window_ends_rows_though_no_watermark_moves(settings: Settings, tmp_path: Path) -> None:
    before = settings.model_copy(update={"sql_dir": tmp_path / "sql"})
    shutil.copytree(settings.sql_dir, before.sql_dir)
    for dataset in (ATTRIBUTIONS, OUTCOMES):
        contract = before.sql_dir / dataset.replace(".", "/") / "contract.odcs.yaml"
        older = contract.read_text().replace('attribution.window: "24h"', 'attribution.window: "30d"')
        contract.write_text(older.replace("version: 1.0.0", "version: 0.9.0"))
    lake = Lake.open(settings)
    end = {"received_ts": AFTER, "profile_id": "end"}
    land(lake, "raw.impressions", [raw_impression(D1, "e1"), raw_impression(D3, "end", **end)], received=AFTER)
    land(lake, "raw.plays", [raw_play(D3, "end", **end)], received=AFTER)
    catch_up(before)
    assert labels(lake)["e1"] == "pending"
    land(lake, "raw.plays", [raw_play(D1, "late", profile_id="another")], seq=2, close=False)
    catch_up(settings)
    assert labels(lake)["e1"] == "negative"


def labels(lake: Lake) -> dict[str, str]:
    live = lake.table(live_name(OUTCOMES)).scan(selected_fields=("event_id", "label")).to_arrow().to_pylist()
    return {row["event_id"]: row["label"] for row in live}


@pytest.mark.slow
def test_columns_added_renamed_and_widened_between_steps_lose_nothing(settings: Settings, tmp_path: Path) -> None:
    before = settings.model_copy(update={"sql_dir": tmp_path / "sql"})
    shutil.copytree(settings.sql_dir, before.sql_dir)
    folder = Folder(tmp_path / "landing")
    streams.drop_files(folder.path, "1", [streams.impression(1, page_id="home")], [streams.play(1)])
    tick(before, folder)
    # The contracts of a chain come one after another, too.
    _evolve(before.sql_dir / "raw/impressions/contract.odcs.yaml", {"experiment"})
    streams.drop_files(
        folder.path,
        "1b",
        [streams.impression(1, experiment="a", received_ts="2026-03-01T12:00:01Z"), streams.impression(4)],
    )
    tick(before, folder)
    _evolve(before.sql_dir / "raw/impressions/contract.odcs.yaml", {"page_id", "position"})
    for dataset in ("core/impressions", "core/impression_plays"):
        _evolve(before.sql_dir / dataset / "contract.odcs.yaml", {"experiment", "page_id", "position"})
    newer = streams.impression(2, page_ref="kids", position=2**40, experiment="b")
    streams.drop_files(folder.path, "2", [newer, streams.impression(3, page_id="old field")], [streams.play(2)])
    streams.drop_files(folder.path, "3", *streams.END)
    tick(before, folder)
    live = Lake.open(before).table(live_name(OUTCOMES)).scan().to_arrow().to_pylist()
    shown = {row["event_id"]: (row["page_ref"], row["position"], row["experiment"]) for row in live}
    assert [shown[name] for name in ("e1", "e2", "e3")] == [
        ("home", 1, None),
        ("kids", 2**40, "b"),
        (None, 1, None),
    ]
    streams.assert_stream_is_batch(before)


def _evolve(contract: Path, columns: set[str]) -> None:
    """Rename page_id, widen position, add experiment: those of them that are named."""
    document = yaml.safe_load(contract.read_text())
    [schema] = document["schema"]
    for column in schema["properties"]:
        if column["name"] == "page_id" and "page_id" in columns:
            column |= {"name": "page_ref", "customProperties": [{"property": "previousName", "value": "page_id"}]}
        if column["name"] == "position" and "position" in columns:
            column["physicalType"] = "long"
    added = {"name": "experiment", "logicalType": "string", "physicalType": "string", "description": "Which test."}
    schema["properties"] += [added] if "experiment" in columns else []
    document["version"] = f"{int(document['version'].partition('.')[0]) + 1}.0.0"
    contract.write_text(yaml.safe_dump(document, sort_keys=False))
