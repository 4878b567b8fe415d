"""Swaps: `main` moves from the pin to what was written, or not at all, and no branch stays behind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lakes import D1, arrow, core_play, ids, make_lake

from matinee.errors import CommitConflictError, LeaseLostError, UsageError
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease, hold
from matinee.table.leases.lease_store import store_of
from matinee.table.swap import drop_leftovers, swapped

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    lake.ensure(PLAYS)
    return lake


def head(lake: Lake) -> int:
    return refs.head(lake.table(PLAYS))


def append(lake: Lake, play_id: str, branch: str = refs.MAIN) -> None:
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, play_id)]), branch=branch)


def swap(lake: Lake, pin: int, write: Callable[[str], None], lease: Lease | None = None) -> None:
    with swapped(lake, PLAYS, pin, lease) as branch:
        write(branch)


def references(lake: Lake) -> set[str]:
    return set(lake.table(PLAYS).metadata.refs)


def test_main_moves_to_what_was_written_and_the_branch_goes(lake: Lake) -> None:
    pin = head(lake)
    with swapped(lake, PLAYS, pin) as branch:
        append(lake, "p1", branch)
        assert ids(lake, PLAYS, "play_id") == []
    assert ids(lake, PLAYS, "play_id") == ["p1"]
    assert refs.ancestry(lake.table(PLAYS))[1] == pin
    assert references(lake) == {refs.MAIN}


def test_an_error_in_the_block_moves_nothing_and_the_branch_goes(lake: Lake) -> None:
    def fail(branch: str) -> None:
        append(lake, "p1", branch)
        raise ZeroDivisionError

    pin = head(lake)
    with pytest.raises(ZeroDivisionError):
        swap(lake, pin, fail)
    assert (head(lake), references(lake)) == (pin, {refs.MAIN})


def test_a_swap_that_was_overtaken_is_a_conflict_and_moves_nothing(lake: Lake) -> None:
    def race(branch: str) -> None:
        append(lake, "ours", branch)
        append(lake, "theirs")

    with pytest.raises(CommitConflictError, match=r"'main' of core\.plays moved meanwhile"):
        swap(lake, head(lake), race)
    assert ids(lake, PLAYS, "play_id") == ["theirs"]
    assert references(lake) == {refs.MAIN}


def test_a_swap_without_a_commit_is_refused(lake: Lake) -> None:
    pin = head(lake)
    with pytest.raises(UsageError, match="would publish nothing"):
        swap(lake, pin, lambda _: None)
    assert (head(lake), references(lake)) == (pin, {refs.MAIN})


def test_a_branch_that_is_gone_already_hides_no_error(lake: Lake) -> None:
    def fail(branch: str) -> None:
        refs.remove(lake.table(PLAYS), branch, expected=head(lake))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        swap(lake, head(lake), fail)
    assert references(lake) == {refs.MAIN}


def test_a_holder_whose_lease_another_took_moves_nothing(lake: Lake) -> None:
    def lose(branch: str) -> None:
        append(lake, "ours", branch)
        entry = store_of(lake).read(lease.key)
        assert entry is not None
        store_of(lake).write(lease.key, replace(entry, holder="theirs", number=entry.number + 1))

    pin = head(lake)
    with hold(lake, PLAYS, "work", "ours") as lease, pytest.raises(LeaseLostError, match="is another's by now"):
        swap(lake, pin, lose, lease)
    assert (head(lake), references(lake)) == (pin, {refs.MAIN})


def test_leftovers_of_killed_swaps_are_dropped_and_nothing_else(lake: Lake) -> None:
    others = {f"{names.AUDIT}a", f"{names.COMPACT}a", f"{names.EXPERIMENT}a"}
    for name in (*others, f"{names.SWAP}one", f"{names.SWAP}two"):
        refs.create_branch(lake.table(PLAYS), name, head(lake))
    refs.create_tag(lake.table(PLAYS), f"{names.PUBLICATION}a", head(lake))
    drop_leftovers(lake, PLAYS)
    assert references(lake) == {refs.MAIN, f"{names.PUBLICATION}a", *others}
