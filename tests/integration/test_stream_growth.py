"""A day of ticks: its lease and its record neither cost more nor leave more with time."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.update import TableRequirement, TableUpdate
from tests.support.lakes import make_lake
from tests.support.ticks import Clock

from matinee.live.lease import streaming
from matinee.live.register import TICKS, Tick, record
from matinee.table import registers
from matinee.table.catalog import Lake
from matinee.table.catalogs.sql_catalog import SqlCatalog

Requirements, Updates = tuple[TableRequirement, ...], tuple[TableUpdate, ...]
EVERY = timedelta(minutes=2)
HOUR = timedelta(hours=1) // EVERY


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with clock.ruling():
        yield clock


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of snapshots in the metadata that each commit writes."""
    counts, ours = list[int](), SqlCatalog.commit_table

    def counted(self: SqlCatalog, table: Table, requirements: Requirements, updates: Updates) -> CommitTableResponse:
        done = ours(self, table, requirements, updates)
        counts.append(len(done.metadata.snapshots))
        return done

    monkeypatch.setattr(SqlCatalog, "commit_table", counted)
    return counts


def tick(lake: Lake, clock: Clock, commits: list[int]) -> list[int]:
    """Take the lease and record a tick, two minutes after the last tick; return the snapshots at each commit."""
    clock.now += EVERY
    commits.clear()
    with streaming(lake) as held:
        held.renew()
        record(lake, Tick("ran", rows_landed=1))
    return list(commits)


@pytest.mark.slow
def test_a_tick_costs_and_leaves_after_hours_what_it_did_at_first(
    tmp_path: Path, clock: Clock, commits: list[int]
) -> None:
    lake = make_lake(tmp_path)
    lake.ensure(TICKS)
    cost = [tick(lake, clock, commits) for _ in range(500)]
    metadata, most = lake.table(TICKS).metadata, HOUR + HOUR // registers.MANY + registers.WORTH_IT + 1
    assert len(metadata.snapshots) <= most
    assert len(metadata.refs) == 1
    # Most ticks make one commit, the record; some also expire snapshots or compact files.
    assert [len(tick_commits) for tick_commits in cost].count(1) >= 380
    assert max(map(len, cost)) <= 3
    assert max(max(tick_commits) for tick_commits in cost) <= most + 2
    assert lake.table(TICKS).scan().count() == 500
