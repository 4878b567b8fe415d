"""Pins: references of a run hold the snapshots that it reads; a snapshot that has expired all the same is an error."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, arrow, ids, land, make_lake, raw_play

from matinee.errors import SnapshotGoneError
from matinee.ledger.pins import KEEP, hold, release
from matinee.maintenance.leftovers import clean, leftovers
from matinee.maintenance.retention import expire, plan_expiry
from matinee.publication.plan import plan
from matinee.publication.request import RunRequest
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import day_landing_seqs, day_sizes, landing_seq, plan_files
from matinee.table.registers import stamp
from matinee.table.snapshots import changed_files

RAW, PLAYS = "raw.plays", "core.plays"
MUCH_LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    land(lake, RAW, [raw_play(D1)])
    return lake


def land_more(lake: Lake, name: str) -> int:
    table = lake.table(RAW)
    table.append(arrow(table, [raw_play(D1, name)]))
    return refs.head(lake.table(RAW))


def expired(lake: Lake, now: datetime) -> None:
    expire(lake, plan_expiry(lake, RAW, now))


def is_kept(lake: Lake, snapshot_id: int) -> bool:
    return lake.table(RAW).metadata.snapshot_by_id(snapshot_id) is not None


@pytest.mark.parametrize(
    "look",
    [
        lambda table, gone: list(plan_files(table, "event_day", snapshot_id=gone)),
        lambda table, gone: day_sizes(table, "event_day", snapshot_id=gone),
        lambda table, gone: day_landing_seqs(table, "event_day", gone, D1, D1),
        landing_seq,
        changed_files,
    ],
)
def test_a_snapshot_that_has_expired_is_no_empty_table(lake: Lake, look: object) -> None:
    gone = refs.head(lake.table(RAW))
    land_more(lake, "p2")
    expired(lake, MUCH_LATER)
    with pytest.raises(SnapshotGoneError, match=f"Snapshot {gone} of raw.plays has expired") as error:
        look(lake.table(RAW), gone)  # type: ignore[operator]
    assert error.value.retryable


def test_what_a_run_has_pinned_is_held_until_the_time_of_the_pin_is_over(lake: Lake) -> None:
    read = refs.head(lake.table(RAW))
    planned = plan(lake, RunRequest(PLAYS, D1, D1))
    assert planned.run.pin(RAW).snapshot_id == read
    land_more(lake, "p2")
    expired(lake, stamp() + KEEP - timedelta(minutes=1))
    assert is_kept(lake, read)
    expired(lake, MUCH_LATER)
    assert not is_kept(lake, read)
    assert set(lake.table(RAW).metadata.refs) == {"main"}


def test_a_pin_that_is_released_holds_nothing(lake: Lake) -> None:
    read = refs.head(lake.table(RAW))
    planned = plan(lake, RunRequest(PLAYS, D1, D1))
    release(lake, planned.run.publication_id, planned.run.pinned)
    assert set(lake.table(RAW).metadata.refs) == {"main"}
    assert is_kept(lake, read)


def test_a_second_try_keeps_its_pins_where_the_first_releases_its_own(lake: Lake) -> None:
    first = refs.head(lake.table(RAW))
    hold(lake, "r1", {RAW: first})
    second = land_more(lake, "p2")
    hold(lake, "r1", {RAW: second})
    release(lake, "r1", {RAW: first})
    assert refs.reference(lake.table(RAW), "pin_r1") == second
    release(lake, "r1", {RAW: second})
    assert refs.reference(lake.table(RAW), "pin_r1") is None


def test_what_has_expired_cannot_be_pinned(lake: Lake) -> None:
    gone = refs.head(lake.table(RAW))
    land_more(lake, "p2")
    expired(lake, MUCH_LATER)
    with pytest.raises(SnapshotGoneError):
        hold(lake, "r1", {RAW: gone})


def test_a_run_that_cannot_be_planned_leaves_no_pin(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from matinee.publication import plan as planning

    monkeypatch.setattr(planning, "_run_on", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plan(lake, RunRequest(PLAYS, D1, D1))
    assert set(lake.table(RAW).metadata.refs) == {"main"}


def test_pins_of_a_run_that_died_are_leftovers(lake: Lake) -> None:
    plan(lake, RunRequest(PLAYS, D1, D1))
    left = list(leftovers(lake))
    assert [leftover.spark_name for leftover in left] == [
        "raw.plays.tag_pin_core_plays_20260301_1",
        "core.plays.branch_audit_core_plays_20260301_1",
    ]
    for leftover in left:
        clean(lake, leftover)
    assert list(leftovers(lake)) == []


def test_a_pin_stops_nobody_who_lands(lake: Lake) -> None:
    stale = lake.table(RAW)
    hold(lake, "r1", {RAW: refs.head(stale)})
    stale.append(arrow(stale, [raw_play(D1, "p2")]))
    hold(lake, "r2", {RAW: refs.head(lake.table(RAW))})
    assert ids(lake, RAW, "play_id") == ["p1", "p2"]
