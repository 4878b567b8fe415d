"""Upkeep between ticks is due after a number of steps, however many commits a step has."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from matinee.contracts.model import live_name
from matinee.live import upkeep
from matinee.live.lease import streaming
from matinee.live.register import TICKS, Tick, record
from matinee.settings import load_settings
from matinee.table.catalog import Lake

SECOND = timedelta(seconds=1)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setattr(upkeep, "STEPS", 3)
    return Lake.open(load_settings(home=tmp_path, catalog="embedded"))


def step(lake: Lake) -> None:
    """Append, and change, in two commits."""
    record(lake, Tick("ran"))
    lake.table(TICKS).delete()


def test_it_is_time_with_every_so_many_steps_since_the_last_compaction(lake: Lake) -> None:
    dataset, answers = TICKS, []
    lake.ensure(dataset)
    for _ in range(7):
        begun = datetime.now(UTC)
        step(lake)
        answers.append(upkeep.is_time(lake, dataset, begun))
    # The first commit of an empty table counts as a step, too.
    assert [number for number, due in enumerate(answers, start=1) if due] == [2, 5]


def test_a_tick_of_several_steps_does_not_miss_it(lake: Lake) -> None:
    begun = datetime.now(UTC)
    for _ in range(4):
        step(lake)
    assert upkeep.is_time(lake, TICKS, begun)
    assert not upkeep.is_time(lake, TICKS, datetime.now(UTC) + SECOND)


def test_live_tables_that_are_not_made_yet_need_no_upkeep(lake: Lake) -> None:
    with streaming(lake) as lease:
        upkeep.keep_small(lake.settings, lease, datetime.now(UTC))
    assert not lake.exists(live_name("core.impression_plays"))
