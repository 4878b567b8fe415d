"""Stale days: published days whose inputs have changed since, by metadata alone and without clocks."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.support.lakes import D1, D2, D3, PLANNED, close_days, core_play, kept, land, pin, prepare, raw_play

from matinee.healing.late import StaleDay, stale_days
from matinee.ledger.ledger import history, record
from matinee.ledger.model import InputPin, State
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake

RAW, PLAYS, ATTRIBUTIONS, OUTCOMES = "raw.plays", "core.plays", "core.play_attributions", "core.impression_plays"
HOUR = timedelta(hours=1)


def fill(lake: Lake) -> None:
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2, D3)])
    for day in (D1, D2, D3):
        publish_plays(lake, day)


kept_lake, lake = kept(fill)


def publish(lake: Lake, dataset: str, day: date, **values: object) -> None:
    move_to_main(lake, prepare(lake, dataset, day, [], **values), lambda _: ())  # type: ignore[arg-type]


def publish_plays(lake: Lake, day: date, generation: int = 1, **values: object) -> None:
    pins = (replace(pin(lake, RAW, {day: 1}), landing_seq=1),)
    rows = [core_play(day, f"p{day.day}")]
    run = prepare(lake, PLAYS, day, rows, pins=pins, generation=generation, **values)  # type: ignore[arg-type]
    move_to_main(lake, run, lambda _: ())


def land_late(lake: Lake, *days: date, seq: int = 2) -> None:
    land(lake, RAW, [raw_play(day, f"late{day.day}") for day in days], seq=seq, close=False)


def brief(lake: Lake, first: date | None = None, last: date | None = None) -> list[tuple[str, date, str]]:
    return [(stale_day.dataset, stale_day.day, stale_day.cause) for stale_day in stale_days(lake, first, last)]


def only(lake: Lake) -> StaleDay:
    [stale_day] = stale_days(lake)
    return stale_day


def test_days_whose_inputs_stand_are_not_stale(lake: Lake) -> None:
    assert brief(lake) == []


def test_rows_of_a_new_landing_make_their_day_stale(lake: Lake) -> None:
    land_late(lake, D2)
    stale_day = only(lake)
    assert (stale_day.day, stale_day.rows, stale_day.late) == (D2, 1, 1)
    assert stale_day.cause == "raw.plays has landing 2, it read up to 1"


def test_rows_that_came_without_a_new_landing_number_are_seen(lake: Lake) -> None:
    land_late(lake, D2, seq=1)
    stale_day = only(lake)
    assert (stale_day.day, stale_day.late, stale_day.cause) == (D2, 1, "raw.plays holds 2 rows, it read 1")


@pytest.mark.parametrize(("first", "last", "expected"), [(D2, D2, [D2]), (D2, None, [D2, D3]), (None, D2, [D1, D2])])
def test_only_the_days_asked_for_are_looked_at(
    lake: Lake, first: date | None, last: date | None, expected: list[date]
) -> None:
    land_late(lake, D1, D2, D3)
    assert [stale_day.day for stale_day in stale_days(lake, first, last)] == expected


def test_days_built_on_others_are_not_cut_to_the_days_asked_for(lake: Lake) -> None:
    publish(lake, ATTRIBUTIONS, D2, pins=(pin(lake, PLAYS, {D2: 1}),))
    publish_plays(lake, D2, generation=2)
    restated = (ATTRIBUTIONS, D2, "core.plays 2026-03-02 went from generation 1 to 2")
    assert brief(lake, D1, D1) == brief(lake, D3, D3) == [restated]


def test_an_input_day_with_other_rows_makes_its_reader_stale_by_its_stamp(lake: Lake) -> None:
    publish_plays(lake, D2, stamps={0: "0b"})
    now = history(lake, PLAYS).newest(D2)
    assert now is not None and now.stamp is not None  # noqa: PT018
    read = pin(lake, PLAYS, {D2: 1})
    publish(lake, ATTRIBUTIONS, D2, pins=(replace(read, stamps={D2: now.stamp}),))
    assert brief(lake) == []
    publish(lake, ATTRIBUTIONS, D2, pins=(replace(read, stamps={D2: "another"}),))
    assert only(lake).cause.startswith(f"core.plays 2026-03-02 holds other rows (anothe ▸ {now.stamp[:6]})")


def test_of_an_input_day_whose_stamp_is_not_known_the_generation_decides(lake: Lake) -> None:
    publish(lake, ATTRIBUTIONS, D2, pins=(replace(pin(lake, PLAYS, {D2: 1}), stamps={D2: "known then"}),))
    assert brief(lake) == []


def recorded_at(lake: Lake, dataset: str, day: date, hours: int) -> None:
    """Have a publication recorded so many hours after the others."""
    newest = history(lake, dataset).newest(day)
    assert newest is not None
    record(lake, [replace(newest, state=State.PUBLISHED, recorded_ts=PLANNED + hours * HOUR)])


@pytest.mark.parametrize("hours", [(1, 2), (2, 1)])
def test_of_unread_input_days_the_youngest_says_how_long_the_daily_run_has(lake: Lake, hours: tuple[int, int]) -> None:
    close_days(lake, "raw.impressions", {D1: 0})
    publish(lake, OUTCOMES, D1)
    for day, after in zip((D1, D2), hours, strict=True):
        publish(lake, ATTRIBUTIONS, day, pins=(pin(lake, PLAYS, {day: 1}),))
        recorded_at(lake, ATTRIBUTIONS, day, after)
    stale_day = only(lake)
    assert (stale_day.dataset, stale_day.day, stale_day.fresh) == (OUTCOMES, D1, PLANNED + 2 * HOUR)
    assert stale_day.cause.count("is valid, it was not when this was published") == 2


def test_a_day_that_is_stale_for_another_cause_too_waits_for_no_daily_run(lake: Lake) -> None:
    publish(lake, ATTRIBUTIONS, D1, pins=(pin(lake, PLAYS, {D1: 1}),))
    publish(lake, OUTCOMES, D1, pins=(pin(lake, ATTRIBUTIONS, {D1: 1}),))
    publish(lake, ATTRIBUTIONS, D1, pins=(pin(lake, PLAYS, {D1: 1}),), generation=2)
    publish(lake, ATTRIBUTIONS, D2, pins=(pin(lake, PLAYS, {D2: 1}),))
    stale_day = only(lake)
    assert (stale_day.dataset, stale_day.fresh) == (OUTCOMES, None)
    assert "went from generation 1 to 2; core.play_attributions 2026-03-02 is valid" in stale_day.cause


def test_an_input_day_that_is_not_valid_makes_nothing_stale(lake: Lake) -> None:
    publish(lake, ATTRIBUTIONS, D2, pins=(pin(lake, PLAYS, {D2: 1}),))
    newest = history(lake, PLAYS).newest(D2)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert brief(lake) == []


def test_a_withdrawn_day_with_late_rows_is_kept_back_for_a_person(lake: Lake) -> None:
    newest = history(lake, PLAYS).newest(D2)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    land_late(lake, D2)
    assert only(lake).kept_back == "it was withdrawn (doubled starts); to publish it again is a person's to decide"


def test_a_day_that_goes_on_and_no_more_is_not_kept_back(lake: Lake) -> None:
    land_late(lake, D2)
    assert only(lake).kept_back is None


def test_a_day_that_its_contract_has_never_read_is_stale_for_no_cause(lake: Lake) -> None:
    unread = InputPin(PLAYS, 0, 0, None, {})
    publish(lake, ATTRIBUTIONS, D3, pins=(unread,))
    stale_day = only(lake)
    assert (stale_day.dataset, stale_day.day) == (ATTRIBUTIONS, D3)
    assert stale_day.cause == "core.plays 2026-03-03 is valid, it was not when this was published"
