"""Plain days are valid; a day that is not plain is judged in full, and both ways have the same result."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.lakes import D1, D2, D3, PLANNED, KeptLake, close_days, core_play, kept, land, pin, prepare, raw_play

from matinee.healing import late
from matinee.healing.late import stale_days
from matinee.ledger.ledger import history, record
from matinee.ledger.model import InputPin, State
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.report import Verdict
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.day_set import DaySet
from matinee.validity.manifests import Manifest, declare
from matinee.validity.validity import Validity

PLAYS, RAW, READER = "core.plays", "raw.plays", "core.play_attributions"
DAYS = (D1, D2, D3)


def fill(lake: Lake) -> None:
    """Fill a lake with three days: landed, closed and published."""
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in DAYS])
    for day in DAYS:
        publish(lake, day)


kept_lake, lake = kept(fill)


def publish(lake: Lake, day: date, **values: object) -> None:
    pins = (replace(pin(lake, RAW, {day: 1}), landing_seq=1),)
    run = prepare(lake, PLAYS, day, [core_play(day, f"p{day.day}")], pins=pins, **values)  # type: ignore[arg-type]
    table = lake.table(PLAYS)
    refs.publish_snapshot(table, refs.head(table, run.branch), expected=refs.head(table))


def judged(lake: Lake, *, plain: bool) -> list[object]:
    validity = Validity(lake)
    if not plain:
        validity._plain = dict.fromkeys(lake.registry.contracts, DaySet())
    return [validity.status(name, day) for name in (RAW, PLAYS, READER) for day in DAYS]


def withdrawn(lake: Lake, day: date = D2) -> None:
    newest = history(lake, PLAYS).newest(day)
    assert newest
    if newest.state is State.PUBLISHED:
        withdraw(lake, newest, "bad")


def failed(lake: Lake, day: date = D2) -> None:
    newest = history(lake, PLAYS).newest(day)
    assert newest
    verdicts = (Verdict(audit="a", severity="blocking", verdict="fail"),)
    record(lake, [replace(newest, state=State.PUBLISHED, verdicts=verdicts)])


def more_declared(lake: Lake, day: date = D2) -> None:
    close_days(lake, RAW, {day: 9})


def opened(lake: Lake, day: date = D2) -> None:
    declare(lake, [Manifest(RAW, day, 9, False, None, PLANNED)])


def distinct(lake: Lake, day: date = D2) -> None:
    declare(lake, [Manifest(RAW, day, 1, True, "f", PLANNED, expected_distinct=9)])


def fewer_landed(lake: Lake, day: date = D2) -> None:
    publish(lake, day, read=7)


def begun_later(lake: Lake, day: date = D2) -> None:
    declare(lake, [Manifest("lake", day, 0, False, None, PLANNED)])


def appended(lake: Lake, day: date = D2) -> None:
    table = lake.table(PLAYS)
    table.append(table.scan(row_filter=f"event_day = '{day}'").to_arrow())


CHANGES = [withdrawn, failed, more_declared, opened, distinct, fewer_landed, begun_later, appended]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_day_is_judged_alike_at_first_sight_and_in_full(lake: Lake, change: Callable[[Lake], None]) -> None:
    change(lake)
    assert judged(lake, plain=True) == judged(lake, plain=False)
    assert D2 not in Validity(lake).plain(PLAYS) or change is begun_later


def landed_late(lake: Lake, day: date = D2) -> None:
    land(lake, RAW, [raw_play(day, "late")], seq=2, close=False)


def read_by(lake: Lake, day: date = D2) -> None:
    """Publish a day that reads the day of plays as it is now."""
    newest = history(lake, PLAYS).newest(day)
    assert newest
    pins = (replace(pin(lake, PLAYS, {day: newest.generation}), stamps={day: newest.stamp or ""}),)
    move_to_main(lake, prepare(lake, READER, day, [], pins=pins), lambda _: ())


def derived_again(lake: Lake, day: date = D2) -> None:
    publish(lake, day, stamps={0: "0b"})


def restated(lake: Lake, day: date = D2) -> None:
    newest = history(lake, PLAYS).newest(day)
    assert newest
    publish(lake, day, generation=newest.generation + 1)


def late_days(lake: Lake, *, by_columns: bool) -> list[object]:
    with pytest.MonkeyPatch.context() as patch:
        if not by_columns:
            patch.setattr(late, "fresh_days", lambda *_: DaySet())
        return list(stale_days(lake))


@pytest.mark.parametrize("change", [*CHANGES, landed_late], ids=lambda change: change.__name__)
def test_late_days_are_the_same_by_columns_and_in_full(lake: Lake, change: Callable[[Lake], None]) -> None:
    change(lake)
    assert late_days(lake, by_columns=True) == late_days(lake, by_columns=False)


STEPS = st.tuples(st.sampled_from([*CHANGES, landed_late, read_by, derived_again, restated]), st.sampled_from(DAYS))


def same_both_ways(kept_lake: KeptLake, steps: list[tuple[Callable[[Lake, date], None], date]]) -> None:
    lake = kept_lake.begin()
    for change, day in steps:
        change(lake, day)
    assert judged(lake, plain=True) == judged(lake, plain=False)
    assert late_days(lake, by_columns=True) == late_days(lake, by_columns=False)


@settings(max_examples=3, deadline=None)
@given(st.lists(STEPS, min_size=2, max_size=4))
def test_both_ways_agree_after_some_changes(
    kept_lake: KeptLake, steps: list[tuple[Callable[[Lake, date], None], date]]
) -> None:
    same_both_ways(kept_lake, steps)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=8))
def test_both_ways_agree_after_many_changes(
    kept_lake: KeptLake, steps: list[tuple[Callable[[Lake, date], None], date]]
) -> None:
    same_both_ways(kept_lake, steps)


def test_days_of_which_all_is_well_are_plain(lake: Lake) -> None:
    validity = Validity(lake)
    assert (validity.plain(RAW), validity.plain(PLAYS)) == (set(DAYS), set(DAYS))
    assert judged(lake, plain=True) == judged(lake, plain=False)


@pytest.mark.parametrize(("generation", "is_plain"), [(1, True), (2, False)])
def test_a_day_that_read_another_generation_is_not_plain(lake: Lake, generation: int, is_plain: bool) -> None:
    head = refs.head(lake.table(PLAYS))
    prepare(lake, READER, D1, [], pins=(InputPin(PLAYS, head, 1, None, {D1: generation}),))
    table = lake.table(READER)
    [branch] = [name for name in table.metadata.refs if name != "main"]
    refs.publish_snapshot(table, refs.head(table, branch), expected=refs.head(table))
    assert (D1 in Validity(lake).plain(READER)) is is_plain
