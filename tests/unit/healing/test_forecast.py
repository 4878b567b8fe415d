"""What a heal would cost: the cells of late rows, those that they reach, and no cell of another day."""

from dataclasses import replace
from datetime import date

from tests.support.lakes import D1, D2, core_play, kept, land, pin, prepare, raw_play

from matinee.healing.forecast import forecast
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake

RAW, PLAYS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.play_attributions"


def fill(lake: Lake) -> None:
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2)])
    for day in (D1, D2):
        pins = (replace(pin(lake, RAW, {day: 1}), landing_seq=1),)
        publish(lake, PLAYS, day, [core_play(day, f"p{day.day}")], pins=pins)
        publish(lake, ATTRIBUTIONS, day, [], pins=(pin(lake, PLAYS, {day: 1}),))
    land(lake, RAW, [raw_play(D2, "late")], seq=2, close=False)


kept_lake, lake = kept(fill)


def publish(lake: Lake, dataset: str, day: date, rows: list[dict[str, object]], **values: object) -> None:
    move_to_main(lake, prepare(lake, dataset, day, rows, **values), lambda _: ())  # type: ignore[arg-type]


def test_a_day_of_which_nothing_is_explained_is_forecast_whole(lake: Lake) -> None:
    told = forecast(lake)
    assert [(each.dataset, each.day, each.cells) for each in told] == [(PLAYS, D2, None), (ATTRIBUTIONS, D2, None)]
    assert [(each.rows, each.rows_of_day) for each in told] == [(1, 1), (0, 0)]


def test_days_that_are_not_asked_for_are_not_forecast(lake: Lake) -> None:
    assert forecast(lake, D1, D1) == []


def test_a_day_that_only_a_person_publishes_again_is_not_forecast(lake: Lake) -> None:
    newest = history(lake, PLAYS).newest(D2)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert forecast(lake) == []
