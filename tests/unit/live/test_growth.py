"""A day of ticks: what a tick's lease and record cost, and what they leave, does not grow."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pyiceberg.table.metadata import TableMetadataV2
from tests.lakes import make_lake
from tests.ticks import Clock

from matinee.live.lease import streaming
from matinee.live.register import TICKS, Tick, record
from matinee.table import registers
from matinee.table.catalog import Lake

EVERY = timedelta(minutes=2)
HOUR = timedelta(hours=1) // EVERY


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with clock.ruling():
        yield clock


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
    return list(copies)


def test_a_tick_costs_and_leaves_after_hours_what_it_did_at_first(
    tmp_path: Path, clock: Clock, copies: list[int]
) -> None:
    lake = make_lake(tmp_path)
    lake.ensure(TICKS)
    cost = [tick(lake, clock, copies) for _ in range(500)]
    metadata, most = lake.table(TICKS).metadata, HOUR + HOUR // registers.MANY + registers.WORTH_IT + 1
    assert len(metadata.snapshots) <= most
    assert len(metadata.refs) == 1
    # Of most ticks there is one commit, the record; with some goes an expiry or the gathering of files.
    assert [len(one) for one in cost].count(1) >= 380
    assert max(map(len, cost)) <= 3
    assert max(max(one) for one in cost) <= most + 2
    assert lake.table(TICKS).scan().count() == 500
