"""Heals are told by the register, and the days that wait for a person."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, PLANNED, make_lake
from tests.support.metrics import told

from matinee.healing.register import Decision
from matinee.healing.register import record as record_heals
from matinee.metrics.heals import heals
from matinee.table.catalog import Lake

PLAYS = ("core.plays",)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def test_days_that_wait_for_a_person_are_counted(lake: Lake) -> None:
    asked = Decision("look_1", 1, "core.plays", D1, "human", "rows are lost", "x", recorded_ts=PLANNED)
    healed = replace(asked, heal_id="look_2", decision="heal", recorded_ts=PLANNED + timedelta(hours=1))
    record_heals(lake, [asked, replace(asked, day=D2), healed, replace(healed, dataset="core.impressions")])
    seen = told(heals(lake.settings))
    assert (seen["heals_for_a_person", *PLAYS], seen["heals_for_a_person", "core.impressions"]) == (1, 0)
    assert (seen["heal_decisions", *PLAYS, "human"], seen["heal_decisions", *PLAYS, "heal"]) == (2, 1)
    assert seen["heal_timestamp_seconds",] == (PLANNED + timedelta(hours=1)).timestamp()
