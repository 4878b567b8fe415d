"""Upkeep: compaction with proof, retention that keeps what is needed, orphan files."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.lakes import D1, D2, arrow, core_play, ids, land, land_days, make_lake, raw_play

from matinee.cycle import maintenance
from matinee.cycle.request import RunRequest
from matinee.cycle.steps import audit, publish, run, write
from matinee.errors import ConservationError
from matinee.lake import refs
from matinee.lake.catalog import Lake
from matinee.lake.changes import is_proven_compaction
from matinee.lake.files import day_sizes
from matinee.lake.retention import plan_expiry
from matinee.lake.validity import Validity
from matinee.settings import Settings

pytestmark = pytest.mark.spark
RAW, PLAYS = "raw.plays", "core.plays"
MUCH_LATER = datetime(2030, 1, 1, tzinfo=UTC)


def many_files(lake: Lake, count: int = 9) -> list[str]:
    names = [f"p{number}" for number in range(count)]
    for number, name in enumerate(names, start=1):
        land(lake, RAW, [raw_play(D1, name)], seq=number, close=False)
    return names


def test_small_files_are_compacted_and_the_rows_proven_equal(settings: Settings) -> None:
    lake = Lake.open(settings)
    names = many_files(lake)
    report = maintenance.compact(settings, RAW)
    assert report.details == {"days": 1, "files_before": 9, "files_after": 1}
    assert ids(lake, RAW, "play_id") == names
    table = lake.table(RAW)
    assert is_proven_compaction(lake, table, refs.head(table))
    assert set(table.metadata.refs) == {"main"}


def test_a_day_with_few_files_is_left_alone(settings: Settings) -> None:
    lake = Lake.open(settings)
    many_files(lake, 3)
    assert maintenance.compact(settings, RAW).details["days"] == 0


def test_a_compaction_that_changed_rows_is_refused_and_main_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(settings)
    names = many_files(lake)

    def lose_a_row(spark: object, found: Settings, dataset: str, branch: str, column: str, day: object) -> None:
        lake.table(dataset).delete("play_id = 'p0'", branch=branch)

    monkeypatch.setattr(maintenance, "rewrite_day", lose_a_row)
    with pytest.raises(ConservationError, match="9 rows before, 8 after"):
        maintenance.compact(settings, RAW)
    assert ids(lake, RAW, "play_id") == names


def test_main_that_moves_while_a_day_is_compacted_keeps_the_new_rows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(settings)
    names = many_files(lake)
    rewrite, raced = maintenance.rewrite_day, []

    def race(*arguments: object) -> None:
        rewrite(*arguments)  # type: ignore[arg-type]
        if not raced:
            raced.append(True)
            land(lake, RAW, [raw_play(D1, "z")], seq=10, close=False)

    monkeypatch.setattr(maintenance, "rewrite_day", race)
    maintenance.compact(settings, RAW)
    assert ids(lake, RAW, "play_id") == [*names, "z"]


def test_a_publication_is_replayed_past_a_proven_compaction_of_its_own_day(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "FILES_WORTH_IT", 1)
    lake = Lake.open(settings)
    land_days(lake, D1)
    run(settings, RunRequest(PLAYS, D1, D1))
    land(lake, RAW, [raw_play(D1, "late")], seq=2, close=False)
    identity = write(settings, RunRequest(PLAYS, D1, D1, attempt="ours")).publication_id or ""
    audit(settings, PLAYS, identity)
    contract = lake.registry.get(PLAYS)
    size = day_sizes(lake.table(PLAYS), "event_day")[D1]
    assert maintenance.compact_day(lake, contract, D1, size) is not None
    assert publish(settings, PLAYS, identity).replayed
    assert ids(lake, PLAYS, "play_id") == ["late", "o1", "p1"]


def test_a_day_with_an_open_audit_branch_is_not_compacted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    identity = write(settings, RunRequest(PLAYS, D1, D1, attempt="open")).publication_id or ""
    audit(settings, PLAYS, identity)
    contract = lake.registry.get(PLAYS)
    table = lake.table(PLAYS)
    for number in range(20):
        table.append(arrow(table, [core_play(D1, f"x{number}")]))
    assert list(maintenance.worth_compacting(lake, contract)) == []


def test_expiry_keeps_what_retained_publications_are_and_have_read(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    for _ in range(5):
        run(settings, RunRequest(PLAYS, D1, D1))
    now = datetime.now(UTC)
    assert plan_expiry(lake, PLAYS, now).snapshot_ids == ()
    assert plan_expiry(lake, RAW, now + timedelta(days=13)).snapshot_ids == ()
    assert len(plan_expiry(lake, PLAYS, now).tags) == 2


def test_after_retention_only_what_main_needs_is_left_and_days_stay_valid(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    for _ in range(3):
        run(settings, RunRequest(PLAYS, D1, D1))
    report = maintenance.expire_snapshots(settings, PLAYS, MUCH_LATER)
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
    report = maintenance.remove_orphans(settings, PLAYS, now)
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
    from matinee.lake.retention import expire

    expire(lake, expiry)
    assert ids(lake, PLAYS, "play_id") == ["a", "b"]
