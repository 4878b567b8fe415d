"""The state of each day, as a person looks at them."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, close_days, core_play, land, make_lake, pin, prepare, raw_play

from matinee.healing.day_states import DatasetDays, states_of
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two days of plays, both published."""
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)])
    for day in (D1, D2):
        read = replace(pin(lake, "raw.plays", {day: 1}), landing_seq=1)
        move_to_main(lake, prepare(lake, PLAYS, day, [core_play(day)], pins=(read,)), lambda _: ())
    return lake


def plays(lake: Lake, first: date | None = None, last: date | None = None) -> DatasetDays:
    [shown] = states_of(Validity(lake), first, last, [PLAYS])
    return shown


def states(lake: Lake, first: date | None = None, last: date | None = None) -> dict[date, str]:
    return {day: other.state for day, other in plays(lake, first, last).others.items()}


def test_published_days_are_valid(lake: Lake) -> None:
    shown = plays(lake)
    assert (shown.first, shown.last, shown.others) == (D1, D2, {})


def test_a_withdrawn_day_says_why_and_what_moves_it(lake: Lake) -> None:
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    other = plays(lake).others[D1]
    assert (other.state, other.reason) == ("withdrawn", "withdrawn: doubled starts")
    assert other.next_step == "`matinee run core.plays --key 2026-03-01` publishes it again."


def test_a_day_of_which_rows_landed_since_is_outdated(lake: Lake) -> None:
    land(lake, "raw.plays", [raw_play(D1, "p2")], seq=2, close=False)
    assert plays(lake).others[D1].reason == "raw.plays has landing 2, it read up to 1"
    assert states(lake) == {D1: "outdated"}


def test_a_day_that_lost_rows_has_failed(lake: Lake) -> None:
    lake.table(PLAYS).delete(f"event_day = '{D2}'")
    assert states(lake) == {D2: "failed"}


def test_a_day_whose_input_is_still_to_come_is_open(lake: Lake) -> None:
    close_days(lake, "raw.plays", {D3: 2})
    assert states(lake) == {D3: "open"}
    assert plays(lake).others[D3].reason.startswith("no publication (raw.plays 2026-03-03: short: ")


def test_only_the_days_that_are_asked_for_are_looked_at(lake: Lake) -> None:
    assert states(lake, D2, D3) == {D3: "open"}


def test_a_lake_without_a_closed_day_has_no_days(tmp_path: Path) -> None:
    shown = plays(make_lake(tmp_path))
    assert (shown.first, shown.others) == (None, {})
