"""A day of ticks: what a tick's lease and record cost, and what they leave, does not grow."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyiceberg.table import snapshots
from pyiceberg.table.metadata import TableMetadataV2
from tests.lakes import make_lake

from matinee.live import register, upkeep
from matinee.live.lease import streaming
from matinee.live.register import TICKS, Tick, record
from matinee.table import lease, registers
from matinee.table.catalog import Lake

EVERY, BEGIN = timedelta(minutes=2), datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1) // EVERY


class Clock:
    """A clock that stands until it is set on: of leases, records and snapshots."""

    def __init__(self) -> None:
        self.now = BEGIN

    def stamp(self) -> datetime:
        return self.now

    def time(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (lease, register, registers):
        monkeypatch.setattr(module, "stamp", clock.stamp)
    monkeypatch.setattr(snapshots, "time", SimpleNamespace(time=clock.time, sleep=time.sleep))
    return clock


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of snapshots in each copy of a table's metadata."""
    found, ours = list[int](), TableMetadataV2.model_copy

    def counted(self: TableMetadataV2, *, update: object = None, deep: bool = False) -> TableMetadataV2:
        if deep:
            found.append(len(self.snapshots))
        return ours(self, update=update, deep=deep)  # type: ignore[arg-type]

    monkeypatch.setattr(TableMetadataV2, "model_copy", counted)
    return found


def tick(lake: Lake, clock: Clock, copies: list[int]) -> list[int]:
    """Do what each tick does beside its rows, two minutes after the last one; return the copies that it made."""
    clock.now += EVERY
    copies.clear()
    with streaming(lake) as held:
        held.renew()
        record(lake, Tick("ran", rows_landed=1))
        upkeep.keep_small(lake.settings, held, clock.now)
    return list(copies)


def test_a_tick_costs_and_leaves_after_hours_what_it_did_at_first(
    tmp_path: Path, clock: Clock, copies: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, number = make_lake(tmp_path), iter(range(1, 10_000))
    lake.ensure(TICKS)
    monkeypatch.setattr(upkeep, "is_time", lambda *_: next(number) % upkeep.STEPS == 0)
    cost = [tick(lake, clock, copies) for _ in range(500)]
    metadata = lake.table(TICKS).metadata
    assert len(metadata.snapshots) <= HOUR + registers.WORTH_IT + 500 // upkeep.STEPS
    assert len(metadata.refs) == 1
    # Of most ticks there is one commit, the record; with it goes now and then an expiry or the gathering of files.
    assert [len(one) for one in cost].count(1) >= 450
    assert max(map(len, cost)) <= 4
    assert max(max(one) for one in cost) <= HOUR + registers.WORTH_IT + 500 // upkeep.STEPS + 1
    assert lake.table(TICKS).scan().count() == 500
