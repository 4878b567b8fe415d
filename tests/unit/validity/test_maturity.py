"""Maturity: until when labels are final; it ends with the first day that is not mature."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, D3, at, close_days, make_lake, prepare

from matinee.contracts.registry import Registry
from matinee.days import end_of, micros_of, start_of
from matinee.ledger.ledger import history
from matinee.publication.move import move_to_main
from matinee.settings import CHECKOUT
from matinee.table.catalog import Lake
from matinee.validity.maturity import first_unsettled, is_settled, settled_through
from matinee.validity.validity import Validity

OUTCOMES = "core.impression_plays"
LABELS = Registry.load(CHECKOUT / "sql").get(OUTCOMES)
WINDOW, US = timedelta(hours=24), timedelta(microseconds=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    close_days(lake, "raw.impressions", {D1: 0})
    return lake


def publish(lake: Lake, day: date, as_of: datetime | None) -> None:
    move_to_main(lake, prepare(lake, OUTCOMES, day, [], as_of=as_of), lambda _: ())


def mature_through(lake: Lake, *as_ofs: datetime | None) -> datetime | None:
    """Until when labels are final, of days that were published as of these instants."""
    for day, as_of in zip((D1, D2, D3), as_ofs, strict=False):
        publish(lake, day, as_of)
    return Validity(lake).vtts(OUTCOMES).mature_through


def test_maturity_ends_within_the_first_day_that_is_not_mature(lake: Lake) -> None:
    assert mature_through(lake, end_of(D1) + WINDOW, at(D2) + WINDOW, end_of(D3) + WINDOW) == at(D2)


def test_of_several_days_that_are_not_mature_the_first_ends_maturity(lake: Lake) -> None:
    assert mature_through(lake, end_of(D1) + WINDOW, at(D2) + WINDOW, at(D3) + WINDOW) == at(D2)


def test_maturity_ends_before_a_day_of_which_nothing_is_final(lake: Lake) -> None:
    assert mature_through(lake, end_of(D1) + WINDOW, start_of(D2) + WINDOW, end_of(D3) + WINDOW) == end_of(D1)


def test_where_nothing_is_final_there_is_no_maturity(lake: Lake) -> None:
    assert mature_through(lake, None, end_of(D2) + WINDOW) is None


def test_days_that_are_all_mature_are_so_to_the_end_of_the_last(lake: Lake) -> None:
    late = end_of(D3) + timedelta(days=9)
    assert mature_through(lake, late, late) == end_of(D2)


def test_a_dataset_that_reads_nothing_ahead_has_no_maturity(lake: Lake) -> None:
    move_to_main(lake, prepare(lake, "core.play_attributions", D1, []), lambda _: ())
    vtts = Validity(lake).vtts("core.play_attributions")
    assert (vtts.vtts, vtts.mature_through) == (end_of(D1), None)


@pytest.mark.parametrize(
    ("as_of", "through", "settled"),
    [
        (start_of(D1) + WINDOW, None, False),
        (start_of(D1) + WINDOW + US, start_of(D1) + US, False),
        (end_of(D1) + WINDOW - US, end_of(D1) - US, False),
        (end_of(D1) + WINDOW, end_of(D1), True),
        (end_of(D1) + WINDOW + US, end_of(D1), True),
    ],
    ids=["none", "the first instant", "all but the last", "all", "later"],
)
def test_rows_are_final_a_window_before_the_instant_that_they_are_as_of(
    lake: Lake, as_of: datetime, through: datetime | None, settled: bool
) -> None:
    publish(lake, D1, as_of)
    note = history(lake, OUTCOMES).newest_notes[D1]
    assert (settled_through(LABELS, note, D1), is_settled(LABELS, note, D1)) == (through, settled)


def test_of_what_is_not_published_or_looks_not_ahead_nothing_is_told(lake: Lake) -> None:
    publish(lake, D1, None)
    unknown = history(lake, OUTCOMES).newest_notes[D1]
    plays = lake.registry.get("core.plays")
    assert settled_through(LABELS, None, D1) is settled_through(LABELS, unknown, D1) is None
    assert settled_through(plays, unknown._replace(as_of_us=micros_of(end_of(D3))), D1) is None
    assert (is_settled(LABELS, None, D1), is_settled(plays, None, D1)) == (False, True)


def test_the_first_day_that_is_not_final_is_looked_for_within_the_range(lake: Lake) -> None:
    publish(lake, D1, end_of(D1) + WINDOW)
    publish(lake, D2, end_of(D2) + WINDOW)
    newest = history(lake, OUTCOMES).newest_columns
    assert first_unsettled(LABELS, newest, D1, D2) is None
    assert first_unsettled(LABELS, newest, D1, D3) == D3
    assert first_unsettled(LABELS, None, D1, D3) == D1
