"""Withdrawn days: versions that have their rows say so, and are left where the declaration asks for that."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, D2
from tests.support.served import OFFERS, offer, publish_offers, served_settings, versions_of

from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.serving.step import step
from matinee.serving.withdrawal import follow_withdrawals
from matinee.table.catalog import Lake


def served_twice(folder: Path, declared: str) -> Lake:
    """A lake that serves the offers of the second day, after those of the first."""
    lake = Lake.open(served_settings(folder, declared))
    for day in (D1, D2):
        publish_offers(lake, [offer("de", f"t{day.day}", day)], day)
        step(lake.settings, OFFERS)
    return lake


def withdraw_day(lake: Lake, dataset: str) -> None:
    newest = history(lake, dataset).newest(D2)
    assert newest is not None
    withdraw(lake, newest, "wrong prices")


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        (OFFERS, "2026-03-02: wrong prices"),
        ("core.plays", "2026-03-02: core.plays 2026-03-02 is withdrawn: wrong prices"),
    ],
)
def test_a_version_of_a_withdrawn_day_goes_on_and_says_so(
    tmp_path: Path, in_process: None, dataset: str, told: str
) -> None:
    lake = served_twice(tmp_path, "")
    active = versions_of(lake).pointer().active
    withdraw_day(lake, dataset)
    pointer = follow_withdrawals(lake, OFFERS)
    assert (pointer.active, pointer.withdrawn) == (active, {active: told})
    assert follow_withdrawals(lake, OFFERS) == pointer


def test_a_version_of_a_withdrawn_day_is_left_where_that_is_declared(tmp_path: Path, in_process: None) -> None:
    lake = served_twice(tmp_path, "on_withdraw: rollback\n")
    withdraw_day(lake, OFFERS)
    pointer = follow_withdrawals(lake, OFFERS)
    assert (pointer.key, pointer.activations[-1].act, pointer.activations[-1].reason) == (
        D1,
        "withdraw",
        "2026-03-02: wrong prices",
    )
    publish_offers(lake, [offer("de", "t9", D2)], D2, attempt="again")
    step(lake.settings, OFFERS)
    assert versions_of(lake).pointer().key == D2


def test_a_version_without_a_version_before_it_goes_on(tmp_path: Path, in_process: None) -> None:
    lake = Lake.open(served_settings(tmp_path, "on_withdraw: rollback\n"))
    publish_offers(lake, [offer("de", "t1", D2)], D2)
    step(lake.settings, OFFERS)
    withdraw_day(lake, OFFERS)
    pointer = follow_withdrawals(lake, OFFERS)
    assert pointer.key == D2
    assert list(pointer.withdrawn.values()) == ["2026-03-02: wrong prices"]


def test_what_is_served_by_hand_is_not_built_by_the_step(tmp_path: Path, in_process: None) -> None:
    lake = Lake.open(served_settings(tmp_path, "when: by_hand\n"))
    publish_offers(lake, [offer("de", "t1")])
    assert step(lake.settings, OFFERS).details == {"version": "", "active": "", "collected": 0}
    assert versions_of(lake).names() == []
