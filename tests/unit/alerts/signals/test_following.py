"""A day whose inputs were repaired lately is no cause of its own: its run is to come."""

from datetime import datetime, timedelta

import pytest
from tests.support.lakes import D1, close_days, core_play, kept, land, pin, prepare, raw_play

from matinee.alerts.model import Identity, Signal
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import days
from matinee.alerts.signals.following import WITHIN, follows_by_itself
from matinee.alerts.signals.outlook import Outlook
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from matinee.table.registers import stamp
from matinee.validity.reasons import Reason
from matinee.validity.validity import Validity

RAW, PLAYS, JOIN = "raw.plays", "core.plays", "core.play_attributions"
LONG_AGO = stamp() - timedelta(days=30)


def fill(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)], received=LONG_AGO)


kept_lake, lake = kept(fill)


def seen(lake: Lake, dataset: str, now: datetime) -> Signal:
    """What the first day of a dataset says."""
    signals = days.look(Outlook(lake.settings, AlertSettings(), now))
    return next(signal for signal in signals if signal.witness == f"{dataset} {D1}")


def publish(lake: Lake, generation: int) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)], pins=(pin(lake, RAW, {D1: 1}),), generation=generation, read=1)
    move_to_main(lake, run, lambda _: ())


def test_a_day_that_was_ready_long_ago_is_a_cause(lake: Lake) -> None:
    signal = seen(lake, PLAYS, stamp())
    assert not signal.covered
    assert [edge.to for edge in signal.edges] == [Identity.of_day("unpublished", PLAYS, D1)]


def test_a_day_whose_last_missing_rows_came_just_now_is_not_judged(lake: Lake) -> None:
    close_days(lake, RAW, {D1: 2})
    land(lake, RAW, [raw_play(D1, "missing")], seq=2, close=False, received=stamp())
    assert seen(lake, PLAYS, stamp()).covered
    assert not seen(lake, PLAYS, stamp() + WITHIN).covered


def test_rows_that_a_complete_day_does_not_need_give_its_run_no_more_time(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1, "late")], seq=2, close=False, received=stamp())
    assert not seen(lake, PLAYS, stamp()).covered


def test_a_day_whose_input_was_restated_just_now_is_not_judged(lake: Lake) -> None:
    publish(lake, 1)
    move_to_main(lake, prepare(lake, JOIN, D1, [], pins=(pin(lake, PLAYS, {D1: 1}),)), lambda _: ())
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    withdraw(lake, newest, "a bad player")
    assert not seen(lake, JOIN, stamp()).covered
    publish(lake, 2)
    assert seen(lake, JOIN, stamp()).covered
    assert not seen(lake, JOIN, stamp() + WITHIN).covered


@pytest.mark.parametrize("kind", ["unpublished", "restated"])
def test_heals_of_an_input_by_late_rows_move_no_time(lake: Lake, kind: str) -> None:
    if kind == "restated":
        publish(lake, 1)
        move_to_main(lake, prepare(lake, JOIN, D1, [], pins=(pin(lake, PLAYS, {D1: 1}),)), lambda _: ())
    publish(lake, 2)
    repaired = stamp()
    publish(lake, 3)
    waiting, validity = Reason(kind, JOIN, D1, "", ""), Validity(lake)
    assert follows_by_itself(validity, waiting, stamp())
    assert not follows_by_itself(validity, waiting, repaired + WITHIN)


def test_a_day_that_was_published_before_its_last_rows_came_is_not_judged(lake: Lake) -> None:
    publish(lake, 1)
    close_days(lake, RAW, {D1: 2})
    short = seen(lake, PLAYS, stamp())
    assert [edge.to for edge in short.edges] == [Identity.of_day("incomplete", RAW, D1)]
    assert not short.covered
    land(lake, RAW, [raw_play(D1, "missing")], seq=2, close=False, received=stamp())
    assert seen(lake, PLAYS, stamp()).covered
    assert not seen(lake, PLAYS, stamp() + WITHIN).covered
