"""Where each key stands alone, only the newest key counts: for VTTS, for what is owed, and for heals."""

from datetime import timedelta

from tests.support.lakes import kept
from tests.support.weeks import (
    BEGIN,
    PLAYS,
    W1,
    W2,
    W3,
    WEDNESDAY,
    WEEKS,
    publish_plays,
    publish_week,
    stale,
    vtts,
    weekly,
    with_plays,
    withdraw_day,
)

from matinee.days import end_of
from matinee.healing.day_states import states_of
from matinee.ledger.ledger import history
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

kept_lake, lake = kept(with_plays, weekly("history: newest", of_input="on_restated: outdated"))


def test_vtts_is_the_end_of_the_newest_valid_key(lake: Lake) -> None:
    publish_week(lake, W2)
    assert vtts(lake) == end_of(W2)
    publish_week(lake, WEDNESDAY)
    assert vtts(lake) == end_of(WEDNESDAY)


def test_a_withdrawn_key_leaves_the_key_before_it(lake: Lake) -> None:
    publish_week(lake, W1)
    publish_week(lake, W2)
    withdraw_day(lake, WEEKS, W2)
    assert vtts(lake) == end_of(W1)


def test_without_a_valid_key_the_newest_week_that_can_be_read_is_named(lake: Lake) -> None:
    held = Validity(lake).vtts(WEEKS).held_by
    assert held is not None
    assert held.day == W3


def test_only_the_newest_week_is_owed(lake: Lake) -> None:
    assert Validity(lake).owed_keys(WEEKS, BEGIN, W3).tolist() == [W3]
    publish_week(lake, W3)
    assert Validity(lake).owed_keys(WEEKS, BEGIN, W3).tolist() == []


def test_a_week_that_is_past_and_not_published_is_no_open_day(lake: Lake) -> None:
    publish_week(lake, W2)
    [shown] = states_of(Validity(lake), datasets=[WEEKS])
    assert (sorted(shown.days), sorted(shown.others)) == ([W2, W3], [W3])


def test_only_the_newest_published_key_is_healed(lake: Lake) -> None:
    publish_week(lake, W1)
    publish_week(lake, W2)
    publish_plays(lake, [W1], generation=2, stamp="b" * 16)
    assert stale(lake) == []
    publish_plays(lake, [W2], generation=2, stamp="b" * 16)
    assert stale(lake) == [(WEEKS, W2)]


def test_a_restated_input_leaves_its_readers_valid_and_outdated(lake: Lake) -> None:
    publish_week(lake, W2)
    publish_plays(lake, [W2], generation=2, stamp="b" * 16)
    assert Validity(lake).status(WEEKS, W2).valid
    [shown] = states_of(Validity(lake), W2, W2, [WEEKS])
    assert shown.others[W2].state == "outdated"


def test_a_withdrawn_input_makes_its_readers_invalid(lake: Lake) -> None:
    publish_week(lake, W2)
    withdraw_day(lake, PLAYS, W1 + timedelta(days=1))
    reason = Validity(lake).status(WEEKS, W2).reason
    assert reason is not None
    assert (reason.kind, reason.root.kind) == ("input", "withdrawn")


def test_readers_hold_withdrawn_rows_until_they_are_derived_again(lake: Lake) -> None:
    publish_week(lake, W2)
    withdraw_day(lake, PLAYS, W2)
    publish_plays(lake, [W2], generation=3, stamp="b" * 16)
    reason = Validity(lake).status(WEEKS, W2).reason
    assert reason is not None
    assert "withdrawn since it was read, and published again" in reason.detail


def test_rows_that_were_withdrawn_and_published_again_unchanged_are_valid(lake: Lake) -> None:
    publish_week(lake, W2)
    withdraw_day(lake, PLAYS, W2)
    publish_plays(lake, [W2], generation=3)
    newest = history(lake, PLAYS).newest(W2)
    assert newest is not None
    assert newest.generation == 3
    assert Validity(lake).status(WEEKS, W2).valid
