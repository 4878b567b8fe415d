"""A day that loses its validity holds the sensor of what reads it, and rings the alarm of all that is built on it."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.alerts import stale_datasets, stale_days
from tests.support.lakes import D1, D2, PLANNED, close_days, core_play, land, pin, prepare, raw_play

from matinee.days import end_of
from matinee.ledger.ledger import history, record
from matinee.ledger.model import Publication, State
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.report import Verdict
from matinee.settings import load_settings
from matinee.table.catalog import Lake

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
]
PLAYS, ATTRIBUTIONS = "core.plays", "core.play_attributions"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Two days of plays, published, and of attributions of them; no impression was shown."""
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path))
    lake = Lake.open(load_settings())
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)])
    close_days(lake, "raw.impressions", {D1: 0, D2: 0})
    for day in (D1, D2):
        publish(lake, PLAYS, day, {"raw.plays": 1})
        publish(lake, "core.impressions", day, {"raw.impressions": 0})
        publish(lake, ATTRIBUTIONS, day, {PLAYS: 1, "core.impressions": 1})
    return lake


def publish(lake: Lake, dataset: str, day: date, inputs: dict[str, int], generation: int = 1) -> None:
    pins = tuple(pin(lake, name, {day: number}) for name, number in inputs.items())
    rows = [core_play(day)] if dataset == PLAYS else []
    run = prepare(lake, dataset, day, rows, pins=pins, generation=generation, read=len(rows))
    move_to_main(lake, run, lambda _: ())


def newest(lake: Lake, day: date) -> Publication:
    publication = history(lake, PLAYS).newest(day)
    assert publication is not None
    return publication


def waiting(lake: Lake, day: date) -> str:
    from matinee_airflow.triggers import waits_for

    return waits_for(lake.settings, ATTRIBUTIONS, str(day))


#: An hour before the contracts' patience with a lake whose last valid day is D2 ends.
SOON = end_of(D2) + timedelta(hours=29)


def stale(lake: Lake) -> list[str]:
    return stale_datasets(lake.settings, SOON)


def alarm(lake: Lake, dataset: str) -> str:
    return next(each.says for each in stale_days(lake.settings, SOON) if each.dataset == dataset)


def test_a_sensor_that_had_passed_waits_once_its_day_is_withdrawn(lake: Lake) -> None:
    assert waiting(lake, D1) == ""
    # As of the time at which the next run is planned: what was planned before a withdrawal is not published.
    record(
        lake, [replace(newest(lake, D1), state=State.WITHDRAWN, generation=2, reason="doubled", recorded_ts=PLANNED)]
    )
    assert waiting(lake, D1).startswith("core.plays 2026-03-01: withdrawn: doubled")
    publish(lake, PLAYS, D1, {"raw.plays": 1}, generation=2)
    assert waiting(lake, D1) == ""


def test_a_sensor_waits_for_a_day_that_lost_rows(lake: Lake) -> None:
    lake.table(PLAYS).delete(f"event_day = '{D1}'")
    assert waiting(lake, D1).startswith("core.plays 2026-03-01: thinned: main holds 0 rows")


@pytest.mark.parametrize(
    ("loss", "word"), [("withdrawn", "doubled starts"), ("failing", "event_lost"), ("thinned", "main holds 0 rows")]
)
def test_every_loss_of_a_day_rings_the_alarm_of_all_that_is_built_on_it(lake: Lake, loss: str, word: str) -> None:
    assert {PLAYS, ATTRIBUTIONS} & set(stale(lake)) == set()
    if loss == "thinned":
        lake.table(PLAYS).delete(f"event_day = '{D1}'")
    elif loss == "failing":
        failed = Verdict(audit="event_lost", severity="blocking", verdict="fail", bad_rows=2)
        withdraw(lake, replace(newest(lake, D1), verdicts=(failed,)), "event_lost (2 bad rows) failed on main")
    else:
        withdraw(lake, newest(lake, D1), "doubled starts")
    assert {PLAYS, ATTRIBUTIONS} <= set(stale(lake))
    assert word in alarm(lake, PLAYS)
    assert f"core.play_attributions {D1} is not valid: core.plays {D1}: " in alarm(lake, ATTRIBUTIONS)


def test_a_restated_day_rings_the_alarm_of_what_was_built_on_it_only(lake: Lake) -> None:
    publish(lake, PLAYS, D1, {"raw.plays": 1}, generation=2)
    assert PLAYS not in stale(lake)
    assert "core.plays 2026-03-01 was restated: 1 ▸ 2" in alarm(lake, ATTRIBUTIONS)
