"""Validity is computed from the ledger and can be withdrawn; VTTS is the end of the unbroken run of valid days."""

from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, close_days, core_play, land, make_lake, pin, prepare, raw_play
from tests.support.loads import by_dataset, counted_loads

from matinee.days import end_of
from matinee.healing.late import stale_days
from matinee.ledger.ledger import history
from matinee.ledger.model import InputPin
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import move_to_main
from matinee.report import Verdict
from matinee.table.catalog import Lake
from matinee.validity.reasons import DayStatus
from matinee.validity.validity import Validity

RAW, PLAYS = "raw.plays", "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def status(lake: Lake, dataset: str, day: date) -> DayStatus:
    return Validity(lake).status(dataset, day)


def why(lake: Lake, dataset: str, day: date) -> str:
    reason = status(lake, dataset, day).reason
    assert reason is not None
    return reason.kind


def nothing_to_audit(_: int) -> tuple[Verdict, ...]:
    """Return no verdicts: no audit looks across days here."""
    return ()


def publish(lake: Lake, day: date, *, generation: int = 1, rows: int = 1) -> None:
    plays = [core_play(day, f"p{number}") for number in range(rows)]
    run = prepare(lake, PLAYS, day, plays, pins=(pin(lake, RAW, {day: 1}),), generation=generation, read=rows)
    move_to_main(lake, run, nothing_to_audit)


def test_a_look_loads_each_table_once(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    with counted_loads() as loads:
        validity = Validity(lake)
        assert validity.vtts(PLAYS).vtts == end_of(D1)
        assert validity.heard(RAW) is None
    assert by_dataset(loads) == dict.fromkeys((RAW, PLAYS, "ops.publications", "ops.manifests"), 1)


def test_what_is_landed_and_published_during_a_look_thins_no_day(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    validity = Validity(lake)
    validity.heard(RAW)
    land(lake, RAW, [raw_play(D1, "p2")], seq=2)
    publish(lake, D1, rows=2)
    assert validity.status(RAW, D1).valid
    assert validity.status(PLAYS, D1).valid


def test_what_is_published_during_a_look_counts_as_no_tampering(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    validity = Validity(lake)
    validity.history("core.impressions")  # The look at the ledger.
    publish(lake, D1, rows=2)
    assert validity.status(PLAYS, D1).valid


def test_a_day_that_nothing_closes_stays_open(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)], close=False)
    assert why(lake, RAW, D1) == "open"


def test_silence_never_passes(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    assert why(lake, RAW, D2) == "open"


def test_a_closed_day_with_enough_rows_is_valid(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1, f"p{n}") for n in range(19)], close=False)
    close_days(lake, RAW, {D1: 20})
    assert status(lake, RAW, D1).valid


def test_a_closed_day_with_too_few_rows_is_short(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1, f"p{n}") for n in range(18)], close=False)
    close_days(lake, RAW, {D1: 20})
    assert why(lake, RAW, D1) == "short"


def test_a_day_that_is_closed_with_no_rows_is_valid(lake: Lake) -> None:
    close_days(lake, RAW, {D1: 0})
    assert status(lake, RAW, D1).valid


def test_days_before_the_first_closed_one_are_empty_and_valid(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D2)])
    assert status(lake, PLAYS, D1).valid


def test_a_published_day_with_valid_inputs_is_valid(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    assert status(lake, PLAYS, D1) == DayStatus(PLAYS, D1, valid=True, generation=1)


def test_an_unpublished_day_names_the_input_that_it_waits_for(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    reason = status(lake, PLAYS, D2).reason
    assert reason is not None
    assert (reason.kind, reason.root.dataset, reason.root.kind) == ("unpublished", RAW, "open")


def test_a_withdrawn_day_is_not_valid_and_its_generation_rises(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    assert withdraw(lake, newest, "doubled starts").generation == 2
    assert why(lake, PLAYS, D1) == "withdrawn"


def test_a_day_whose_manifest_now_expects_more_is_not_valid_any_more(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    close_days(lake, RAW, {D1: 10})
    reason = status(lake, PLAYS, D1).reason
    assert reason is not None
    assert (reason.kind, reason.root.kind) == ("input", "short")


def test_a_restated_input_takes_validity_from_what_was_built_on_it(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    attribution = prepare(lake, "core.play_attributions", D1, [], pins=_attribution_pins(lake))
    move_to_main(lake, attribution, nothing_to_audit)
    assert status(lake, "core.play_attributions", D1).valid
    publish(lake, D1, generation=2)
    assert why(lake, "core.play_attributions", D1) == "restated"


def _attribution_pins(lake: Lake) -> tuple[InputPin, ...]:
    return (pin(lake, PLAYS, {D1: 1}), pin(lake, "core.impressions", {}))


def test_vtts_is_the_end_of_the_unbroken_run_of_valid_days(lake: Lake) -> None:
    land(lake, RAW, [raw_play(day) for day in (D1, D2, D3)])
    publish(lake, D1)
    publish(lake, D3)
    vtts = Validity(lake).vtts(PLAYS)
    assert vtts.vtts == end_of(D1)
    assert vtts.held_by is not None
    assert vtts.held_by.day == D2


def test_a_lake_without_a_closed_day_has_no_vtts(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)], close=False)
    assert Validity(lake).vtts(PLAYS).vtts is None


def test_late_rows_do_not_take_validity_away(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    land(lake, RAW, [raw_play(D1, "late")], seq=2, close=False)
    assert status(lake, PLAYS, D1).valid


def test_a_publication_of_too_few_of_the_rows_expected_by_now_is_not_valid(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    land(lake, RAW, [raw_play(D1, f"late{n}") for n in range(9)], seq=2, close=False)
    close_days(lake, RAW, {D1: 10})
    assert status(lake, RAW, D1).valid
    reason = status(lake, PLAYS, D1).reason
    assert reason is not None
    assert (reason.kind, reason.detail) == ("short", "published from 1 of 10 rows (by manifest)")


def test_an_input_that_the_contract_has_named_only_since_was_not_read(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    publish(lake, D1)
    run = prepare(lake, "core.play_attributions", D1, [], pins=(pin(lake, PLAYS, {D1: 1}),))
    move_to_main(lake, run, nothing_to_audit)
    assert status(lake, "core.play_attributions", D1).valid
    assert [stale_day.dataset for stale_day in stale_days(lake)] == [PLAYS]
