"""Plain days are valid; a day that is not plain is judged in full, and both ways have the same result."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from tests.support.lakes import D1, D2, D3, PLANNED, close_days, core_play, kept, land, pin, prepare, raw_play

from matinee.healing import late
from matinee.healing.late import stale_days
from matinee.ledger.ledger import history, record
from matinee.ledger.model import InputPin, State
from matinee.ledger.withdrawal import withdraw
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
    return [validity.status(name, day) for name in (RAW, PLAYS) for day in DAYS]


def withdrawn(lake: Lake) -> None:
    newest = history(lake, PLAYS).newest(D2)
    assert newest
    withdraw(lake, newest, "bad")


def failed(lake: Lake) -> None:
    newest = history(lake, PLAYS).newest(D2)
    assert newest
    verdicts = (Verdict(audit="a", severity="blocking", verdict="fail"),)
    record(lake, [replace(newest, state=State.PUBLISHED, verdicts=verdicts)])


def more_declared(lake: Lake) -> None:
    close_days(lake, RAW, {D2: 9})


def opened(lake: Lake) -> None:
    declare(lake, [Manifest(RAW, D2, 9, False, None, PLANNED)])


def distinct(lake: Lake) -> None:
    declare(lake, [Manifest(RAW, D2, 1, True, "f", PLANNED, expected_distinct=9)])


def fewer_landed(lake: Lake) -> None:
    publish(lake, D2, read=7)


def begun_later(lake: Lake) -> None:
    declare(lake, [Manifest("lake", D2, 0, False, None, PLANNED)])


def appended(lake: Lake) -> None:
    table = lake.table(PLAYS)
    table.append(table.scan(row_filter=f"event_day = '{D2}'").to_arrow())


CHANGES = [withdrawn, failed, more_declared, opened, distinct, fewer_landed, begun_later, appended]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_day_is_judged_alike_at_first_sight_and_in_full(lake: Lake, change: Callable[[Lake], None]) -> None:
    change(lake)
    assert judged(lake, plain=True) == judged(lake, plain=False)
    assert D2 not in Validity(lake).plain(PLAYS) or change is begun_later


def landed_late(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D2, "late")], seq=2, close=False)


@pytest.mark.parametrize("change", [*CHANGES, landed_late], ids=lambda change: change.__name__)
def test_late_days_are_the_same_by_columns_and_in_full(
    lake: Lake, change: Callable[[Lake], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(lake)
    by_columns = list(stale_days(lake))
    monkeypatch.setattr(late, "fresh_days", lambda *_: frozenset())
    assert by_columns == list(stale_days(lake))


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
