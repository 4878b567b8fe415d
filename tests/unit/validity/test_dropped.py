"""Dropped days are not owed: no VTTS waits for them, none is said to be missing, and days that read them stay valid."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from tests.support.lakes import D1, D2, D3, core_play, kept, land, pin, prepare, raw_play

from matinee.days import end_of
from matinee.errors import DroppedError, UsageError
from matinee.healing.late import stale_days
from matinee.landing.declarations import begin
from matinee.ledger.dropping import drop_before
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.publication.plan import plan
from matinee.publication.request import RunRequest
from matinee.table.catalog import Lake
from matinee.validity import outside
from matinee.validity.outside import changed_outside
from matinee.validity.validity import Validity

RAW, PLAYS, IMPRESSIONS = "raw.plays", "core.plays", "core.impressions"
ATTRIBUTIONS, OUTCOMES = "core.play_attributions", "core.impression_plays"


def fill(lake: Lake) -> None:
    """Land and publish three days of plays, and attributions of the second."""
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2, D3)])
    for day in (D1, D2, D3):
        pins = (replace(pin(lake, RAW, {day: 1}), landing_seq=1),)
        run = prepare(lake, PLAYS, day, [core_play(day, f"p{day.day}")], pins=pins)
        move_to_main(lake, run, lambda _: ())
    pins = (pin(lake, PLAYS, {D2: 1}), pin(lake, IMPRESSIONS, {}))
    move_to_main(lake, prepare(lake, ATTRIBUTIONS, D2, [], pins=pins), lambda _: ())


kept_lake, lake = kept(fill)


def drop(lake: Lake, dataset: str, first: date) -> None:
    lake.ensure(dataset)
    drop_before(lake.table(dataset), lake.registry.get(dataset), first)


def test_nothing_is_owed_before_the_first_day_that_is_left(lake: Lake) -> None:
    drop(lake, PLAYS, D3)
    validity = Validity(lake)
    assert (validity.valid_from, validity.owed_from(PLAYS), validity.owed_from(RAW)) == (D1, D3, D1)
    assert validity.vtts(PLAYS).vtts == end_of(D3)


def test_a_drop_is_no_change_from_outside_and_reads_no_manifest(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(lake, PLAYS, D2)

    def read(*arguments: object, **options: object) -> None:
        raise AssertionError("manifests were read")

    monkeypatch.setattr(outside, "day_sizes", read)
    monkeypatch.setattr(outside, "changed_files", read)
    assert changed_outside(lake, history(lake, PLAYS)) == {}


def test_a_drop_hides_no_change_of_the_days_that_are_left(lake: Lake) -> None:
    drop(lake, PLAYS, D2)
    lake.table(PLAYS).delete("play_id = 'p3'")
    assert set(changed_outside(lake, history(lake, PLAYS))) == {D3}


def test_what_was_made_from_a_dropped_day_stays_valid(lake: Lake) -> None:
    drop(lake, PLAYS, D3)
    assert Validity(lake).status(ATTRIBUTIONS, D2).valid


def test_what_was_made_from_a_landed_day_that_was_dropped_stays_valid(lake: Lake) -> None:
    drop(lake, RAW, D2)
    validity = Validity(lake)
    assert validity.status(PLAYS, D1).valid
    assert validity.vtts(PLAYS).vtts == end_of(D3)


def test_a_reader_of_a_withdrawn_day_does_not_become_valid_by_its_drop(lake: Lake) -> None:
    newest = history(lake, PLAYS).newest(D2)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    drop(lake, PLAYS, D3)
    reason = Validity(lake).status(ATTRIBUTIONS, D2).reason
    assert reason is not None
    assert reason.detail == "its input core.plays 2026-03-02 was restated: 1 ▸ 2"


def test_rows_that_land_late_in_a_dropped_day_make_nothing_stale(lake: Lake) -> None:
    drop(lake, RAW, D2)
    land(lake, RAW, [raw_play(D1, "late")], seq=2, close=False)
    assert list(stale_days(lake)) == []
    land(lake, RAW, [raw_play(D2, "late")], seq=3, close=False)
    assert [(stale_day.dataset, stale_day.day) for stale_day in stale_days(lake)] == [(PLAYS, D2)]


@pytest.mark.parametrize("heal", [True, False])
@pytest.mark.parametrize("dropped", [RAW, PLAYS])
def test_a_day_that_was_dropped_or_reads_one_is_not_derived_again(lake: Lake, dropped: str, heal: bool) -> None:
    drop(lake, dropped, D2)
    with pytest.raises(DroppedError, match=r"core.plays 2026-03-01 is not derived again.*keys from 2026-03-02 on"):
        plan(lake, RunRequest(PLAYS, D1, D1, heal=heal))
    assert "audit_core_plays_20260301_1" not in lake.table(PLAYS).metadata.refs
    assert plan(lake, RunRequest(PLAYS, D2, D2, heal=heal)).run.first_day == D2


def test_what_reads_back_begins_as_much_later(lake: Lake) -> None:
    drop(lake, IMPRESSIONS, D2)
    validity = Validity(lake)
    # Attributions read impressions of the day before, outcomes do not; but no outcomes are owed without attributions.
    firsts = [validity.derivable_from(lake.registry.get(dataset)) for dataset in (ATTRIBUTIONS, OUTCOMES)]
    assert firsts == [D3, D2]
    assert [validity.owed_from(dataset) for dataset in (IMPRESSIONS, ATTRIBUTIONS, OUTCOMES)] == [D2, D3, D3]


def test_an_input_that_was_dropped_cannot_be_read(lake: Lake) -> None:
    drop(lake, PLAYS, D2)
    spec = lake.registry.get(ATTRIBUTIONS).inputs[0]
    reason = Validity(lake).readable(spec, D1).reason
    assert reason is not None
    assert (reason.kind, reason.detail) == ("dropped", "dropped: its contract keeps days from 2026-03-02 on")


def test_the_lake_does_not_begin_before_what_is_kept(lake: Lake) -> None:
    drop(lake, RAW, D2)
    with pytest.raises(UsageError, match=r"raw.plays keeps its days from 2026-03-02 on"):
        begin(lake, D1, datetime(2026, 3, 9, tzinfo=UTC))
