"""The register of heals: decisions in their order, the last of each day, and what they have cost."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.support.lakes import D1, D2, PLANNED, make_lake

from matinee.healing.register import Decision, Spent, decisions, last_by_day, record, spent

PLAYS = "core.plays"
FIRST = Decision("look_1", 1, PLAYS, D1, "wait", "late rows", "more are on their way", recorded_ts=PLANNED)
SECOND = replace(FIRST, heal_id="look_2", decision="heal", recorded_ts=PLANNED + timedelta(hours=1))


def test_decisions_are_read_oldest_first_then_by_round_and_day(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    assert decisions(lake) == []
    later_round, other_day = replace(FIRST, round=2), replace(FIRST, day=D2)
    record(lake, [SECOND, later_round, other_day])
    record(lake, [FIRST])
    assert decisions(lake) == [FIRST, other_day, later_round, SECOND]


def test_the_last_decision_on_a_day_counts() -> None:
    other = replace(FIRST, dataset="core.impressions")
    assert last_by_day([FIRST, other, SECOND]) == {(PLAYS, D1): SECOND, ("core.impressions", D1): other}


def test_what_was_spent_is_the_cells_and_the_time_of_all_decisions() -> None:
    costly = replace(SECOND, cells=3, duration_ms=1500)
    failed = replace(FIRST, duration_ms=500)
    assert spent([]) == Spent(0, timedelta(0))
    assert spent([FIRST, costly, failed]) == Spent(3, timedelta(seconds=2))
    assert Spent(1, timedelta(seconds=1)).plus(Spent(2, timedelta(seconds=3))) == Spent(3, timedelta(seconds=4))
