"""Upkeep: retention that keeps what is needed, orphan files. Compaction: test_compaction.py."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, arrow, core_play, ids, land_days, make_lake

from matinee.ledger.ledger import history
from matinee.maintenance import upkeep
from matinee.maintenance.retention import expire, plan_expiry
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

pytestmark = pytest.mark.spark
RAW, PLAYS = "raw.plays", "core.plays"
MUCH_LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def on_sail(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "sail"})


def test_expiry_keeps_what_retained_publications_are_and_have_read(settings: Settings, on_sail: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    for _ in range(5):
        run(on_sail, RunRequest(PLAYS, D1, D1))
    now = datetime.now(UTC)
    assert plan_expiry(lake, PLAYS, now).snapshot_ids == ()
    assert plan_expiry(lake, RAW, now).snapshot_ids == ()
    read = {pin.snapshot_id for publication in history(lake, PLAYS).all() for pin in publication.run.pins}
    assert read.isdisjoint(plan_expiry(lake, RAW, now + timedelta(days=13)).snapshot_ids)
    assert len(plan_expiry(lake, PLAYS, now).tags) == 2


def test_after_retention_only_what_main_needs_is_left_and_days_stay_valid(
    settings: Settings, on_sail: Settings
) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    for _ in range(3):
        run(on_sail, RunRequest(PLAYS, D1, D1))
    report = upkeep.expire_snapshots(settings, PLAYS, MUCH_LATER)
    assert report.details["tags"] == 3
    assert len(lake.table(PLAYS).metadata.snapshots) == 1
    assert ids(lake, PLAYS, "play_id") == ["o1", "p1"]
    assert Validity(lake).status(PLAYS, D1).valid


def test_files_that_no_snapshot_knows_are_removed_and_the_others_stay(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1, D2)
    run(settings, RunRequest(PLAYS, D1, D2))
    location = Path(lake.table(PLAYS).location().removeprefix("file://"))
    stray, young = location / "data" / "stray.parquet", location / "data" / "young.parquet"
    for path in (stray, young):
        path.write_bytes(b"left by a writer that died, or is still at work")
    now = datetime.now(UTC)
    os.utime(stray, times=(now.timestamp() - 4 * 86400,) * 2)
    report = upkeep.remove_orphans(settings, PLAYS, now)
    assert report.details["files"] == 1
    assert not stray.exists()
    assert young.exists()
    assert ids(lake, PLAYS, "play_id") == ["o1", "o2", "p1", "p2"]


def test_main_that_moves_between_load_and_expiry_keeps_the_new_snapshot(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    table = lake.ensure(PLAYS)
    table.append(arrow(table, [core_play(D1, "a")]))
    expiry = plan_expiry(lake, PLAYS, MUCH_LATER)
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, "b")]))
    expire(lake, expiry)
    assert ids(lake, PLAYS, "play_id") == ["a", "b"]
