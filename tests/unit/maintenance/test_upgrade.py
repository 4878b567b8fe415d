"""An upgrade is planned from the state of the tables, is refused while somebody is at work, and ends."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, land, make_lake, raw_play

from matinee.errors import LeaseHeldError
from matinee.maintenance.upgrade import Step, plan, upgrade
from matinee.table import lake_format
from matinee.table.catalog import Lake
from matinee.table.lake_format import CURRENT, LAKE
from matinee.table.leases.lease import hold

RAW = "raw.plays"
NUMBER = [Step(LAKE, f"format 2 -> {CURRENT}")]


@pytest.fixture
def older(tmp_path: Path) -> Lake:
    """A lake of format 2."""
    lake = make_lake(tmp_path)
    land(lake, RAW, [raw_play(D1)], close=False)
    lake_format.record(lake, 2)
    lake_format._seen.clear()
    return make_lake(tmp_path)


def test_a_plan_changes_nothing(older: Lake) -> None:
    assert (plan(older), plan(older)) == (NUMBER, NUMBER)
    assert lake_format.number(older) == 2


def test_the_second_upgrade_has_nothing_to_do(older: Lake) -> None:
    assert (upgrade(older), upgrade(older)) == (NUMBER, [])
    assert lake_format.number(older) == CURRENT


def test_a_lake_without_tables_has_nothing_to_upgrade(tmp_path: Path) -> None:
    assert plan(make_lake(tmp_path)) == []


def test_a_lease_that_is_held_is_named_and_one_that_is_over_is_not(older: Lake) -> None:
    with (
        lake_format.upgrading(older.catalog),
        hold(older, RAW, "landing", "host/1/2"),
        pytest.raises(LeaseHeldError, match=r"'raw.plays/landing' is held by host/1/2 until"),
    ):
        plan(older)
    assert plan(older) == NUMBER
