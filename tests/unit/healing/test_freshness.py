"""Fresh days: only days that are newer than all their inputs; whatever else is looked at one by one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from tests.support.lakes import D1, D2, D3, close_days, core_play, kept, land, pin, prepare, raw_play

from matinee.healing.freshness import fresh_days
from matinee.ledger.ledger import history
from matinee.ledger.model import InputPin
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

RAW, PLAYS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.play_attributions"


def fill(lake: Lake) -> None:
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2)])
    for day in (D1, D2):
        publish_plays(lake, day)


kept_lake, lake = kept(fill)


def publish_plays(lake: Lake, day: date, generation: int = 1, **values: object) -> None:
    pins = (replace(pin(lake, RAW, {day: 1}), landing_seq=1),)
    rows = [core_play(day, f"p{day.day}")]
    run = prepare(lake, PLAYS, day, rows, pins=pins, generation=generation, **values)  # type: ignore[arg-type]
    move_to_main(lake, run, lambda _: ())


def publish_attributions(lake: Lake, day: date, *pins: InputPin) -> None:
    move_to_main(lake, prepare(lake, ATTRIBUTIONS, day, [], pins=pins), lambda _: ())


def fresh(
    lake: Lake, dataset: str = PLAYS, landed: Mapping[date, int] | None = None, days: tuple[date, date] = (D1, D2)
) -> set[date]:
    numbers = {RAW: {D1: 1, D2: 1} if landed is None else landed}
    landings = numbers if dataset == PLAYS else {}
    return set(fresh_days(Validity(lake), lake.registry.get(dataset), landings, *days))


def test_days_whose_inputs_stand_are_fresh(lake: Lake) -> None:
    assert fresh(lake) == {D1, D2}


@pytest.mark.parametrize("days", [(D1, D1), (D2, D3)])
def test_only_the_days_asked_for_are_told(lake: Lake, days: tuple[date, date]) -> None:
    assert fresh(lake, days=days) == {days[0]}


def test_a_higher_landing_number_makes_its_day_not_fresh(lake: Lake) -> None:
    assert fresh(lake, landed={D1: 1, D2: 2}) == {D1}


def test_a_day_without_rows_has_no_landing_that_it_lacks(lake: Lake) -> None:
    assert fresh(lake, landed={D1: 1}) == {D1, D2}


def test_more_landed_rows_than_were_read_make_their_day_not_fresh(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D2, "again")], close=False)
    assert fresh(lake) == {D1}


def test_a_dataset_without_publications_has_no_fresh_day(lake: Lake) -> None:
    assert fresh(lake, ATTRIBUTIONS) == set()


@pytest.mark.parametrize(("generation", "is_fresh"), [(1, True), (2, False)])
def test_a_day_that_read_another_generation_is_not_fresh(lake: Lake, generation: int, is_fresh: bool) -> None:
    publish_attributions(lake, D2, pin(lake, PLAYS, {D2: 1}))
    publish_plays(lake, D2, generation=generation)
    assert (fresh(lake, ATTRIBUTIONS, days=(D2, D2)) == {D2}) is is_fresh


def test_a_day_that_did_not_read_a_valid_input_day_is_not_fresh(lake: Lake) -> None:
    publish_attributions(lake, D2)
    assert fresh(lake, ATTRIBUTIONS, days=(D2, D2)) == set()


@pytest.mark.parametrize(("read", "is_fresh"), [("now", True), ("another", False), ("", True)])
def test_a_day_that_read_other_rows_of_the_same_generation_is_not_fresh(lake: Lake, read: str, is_fresh: bool) -> None:
    publish_plays(lake, D2, stamps={0: "0b"})
    newest = history(lake, PLAYS).newest(D2)
    assert newest is not None
    stamp = newest.stamp if read == "now" else read
    publish_attributions(lake, D2, replace(pin(lake, PLAYS, {D2: 1}), stamps={D2: stamp or ""}))
    assert (fresh(lake, ATTRIBUTIONS, days=(D2, D2)) == {D2}) is is_fresh


def test_an_input_day_that_is_not_valid_now_makes_nothing_stale(lake: Lake) -> None:
    publish_attributions(lake, D2, pin(lake, PLAYS, {D2: 1}))
    newest = history(lake, PLAYS).newest(D2)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert fresh(lake, ATTRIBUTIONS, days=(D2, D2)) == {D2}


def test_input_days_of_a_window_are_each_looked_at(lake: Lake) -> None:
    close_days(lake, "raw.impressions", {D1: 0, D2: 0})
    impressions = "core.impressions"
    for day in (D1, D2):
        move_to_main(lake, prepare(lake, impressions, day, []), lambda _: ())
    publish_attributions(lake, D2, pin(lake, PLAYS, {D2: 1}), pin(lake, impressions, {D2: 1}))
    assert fresh(lake, ATTRIBUTIONS, days=(D2, D2)) == set()
    publish_attributions(lake, D2, pin(lake, PLAYS, {D2: 1}), pin(lake, impressions, {D1: 1, D2: 1}))
    assert fresh(lake, ATTRIBUTIONS, days=(D2, D2)) == {D2}
