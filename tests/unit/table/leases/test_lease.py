"""Leases: one holder at a time; a dead holder is replaced when its time is over; a replaced holder commits nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from tests.support.lakes import make_lake

from matinee.errors import LeaseHeldError, LeaseLostError
from matinee.settings import Settings
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing, replace_files
from matinee.table.leases import lease as leases
from matinee.table.leases import lease_store
from matinee.table.leases.lease import Lease, hold, newest_number
from matinee.table.leases.lease_store import Entry, LeaseRows, store_of
from matinee.table.registers import stamp
from matinee.table.removal import remove_snapshots
from matinee.table.swap import swapped

TABLE = "ops.heals"
Later = Callable[[timedelta], datetime]


@pytest.fixture
def lake(any_catalog: Settings) -> Lake:
    return Lake.open(any_catalog)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Return a function that moves the clock of leases forward."""

    def wait(time: timedelta) -> datetime:
        now = stamp() + time
        monkeypatch.setattr(leases, "stamp", lambda: now)
        return now

    return wait


OVER = leases.TIME + timedelta(seconds=1)


def entry(lake: Lake, name: str = "work") -> Entry:
    stored = store_of(lake).read(f"{TABLE}/{name}")
    assert stored is not None
    return stored


def test_a_second_holder_is_told_who_holds_it(lake: Lake) -> None:
    with hold(lake, TABLE, "work", "one"):
        with pytest.raises(LeaseHeldError, match="'work' is held by one until"), hold(lake, TABLE, "work", "two"):
            pass
        with hold(lake, TABLE, "other", "two"):
            pass


def test_it_is_free_when_the_block_ends_whatever_ended_it(lake: Lake) -> None:
    with pytest.raises(ZeroDivisionError), hold(lake, TABLE, "work", "one"):
        raise ZeroDivisionError
    with hold(lake, TABLE, "work", "two") as lease:
        assert lease.holder == "two"


def test_no_table_gets_a_commit_for_it(lake: Lake) -> None:
    before = lake.ensure(TABLE).metadata_location
    with hold(lake, TABLE, "work", "one") as lease:
        lease.renew()
    assert lake.table(TABLE).metadata_location == before


def test_each_holder_has_a_greater_number_also_after_it_was_given_up(lake: Lake) -> None:
    numbers = []
    for holder in ("one", "two", "one"):
        with hold(lake, TABLE, "work", holder) as lease:
            lease.renew()
            numbers.append(lease.number)
    assert numbers == [1, 2, 3]


def test_a_number_is_above_what_tables_say_though_the_entries_were_lost(lake: Lake) -> None:
    with hold(lake, TABLE, "work", "one", above=41) as lease:
        assert lease.number == 42


def test_who_died_is_replaced_when_the_time_is_over(lake: Lake, later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lease, "give_up", lambda _: None)
    with hold(lake, TABLE, "work", "dead"):
        pass
    with pytest.raises(LeaseHeldError, match="held by dead"), hold(lake, TABLE, "work", "next"):
        pass
    later(OVER)
    with hold(lake, TABLE, "work", "next") as lease:
        assert (lease.holder, lease.number) == ("next", 2)


def test_who_lost_a_lease_can_neither_renew_it_nor_end_the_new_one(lake: Lake, later: Later) -> None:
    with hold(lake, TABLE, "work", "slow") as lost:
        later(OVER)
        with hold(lake, TABLE, "work", "next"):
            with pytest.raises(LeaseLostError, match="is another's"):
                lost.renew()
            lost.give_up()
            assert entry(lake).holder == "next"


def test_one_that_the_same_process_has_taken_again_is_lost_too(lake: Lake, later: Later) -> None:
    with hold(lake, TABLE, "work", "same") as lost:
        later(OVER)
        with hold(lake, TABLE, "work", "same"), pytest.raises(LeaseLostError):
            lost.renew()


def test_two_that_take_it_at_once_are_one_holder(lake: Lake) -> None:
    with hold(lake, TABLE, "work", "before"):
        pass
    seen_by_both = entry(lake)
    assert store_of(lake).write(f"{TABLE}/work", Entry("quick", stamp() + leases.TIME, 2, seen_by_both.version))
    assert not store_of(lake).write(f"{TABLE}/work", Entry("late", stamp() + leases.TIME, 2, seen_by_both.version))
    assert entry(lake).holder == "quick"


def test_two_that_take_the_first_one_at_once_are_one_holder(lake: Lake) -> None:
    assert store_of(lake).read(f"{TABLE}/work") is None
    assert store_of(lake).write(f"{TABLE}/work", Entry("quick", stamp() + leases.TIME, 1))
    assert not store_of(lake).write(f"{TABLE}/work", Entry("late", stamp() + leases.TIME, 1))
    assert entry(lake).holder == "quick"


def test_who_is_late_by_one_write_is_told_so(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Entry("quick", stamp() + leases.TIME, 1)
    store = store_of(lake)
    kind = type(store)
    ours = kind.write

    def other_first(self: object, name: str, wanted: Entry) -> bool:
        monkeypatch.setattr(kind, "write", ours)
        assert store.write(name, quick)
        return store.write(name, wanted)

    monkeypatch.setattr(kind, "write", other_first)
    with pytest.raises(LeaseHeldError, match="held by another process"), hold(lake, TABLE, "work", "late"):
        pass
    assert entry(lake).holder == "quick"


def test_the_table_of_leases_may_be_made_by_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = make_lake(tmp_path)
    rows = lease_store._rows()
    ours = type(rows).create

    def other_first(self: object, engine: object, **_: object) -> None:
        ours(rows, engine)  # type: ignore[arg-type]
        ours(rows, engine)  # type: ignore[arg-type]

    monkeypatch.setattr(type(rows), "create", other_first)
    with hold(lake, TABLE, "work", "one") as lease:
        assert lease.number == 1


def test_the_table_of_leases_may_be_made_between_two_looks_at_it(tmp_path: Path) -> None:
    store = store_of(make_lake(tmp_path))
    assert isinstance(store, LeaseRows)

    def make(_: object) -> None:
        store.write("x", Entry("a", stamp(), 1))

    # The first look fails, as there is no table; another process makes the table at that moment.
    event.listen(store.engine, "handle_error", make)
    assert store.read("x") is not None


def test_a_holder_that_is_known_to_be_gone_is_taken_over_at_once(lake: Lake) -> None:
    with hold(lake, TABLE, "work", "dead") as dead:
        with hold(lake, TABLE, "work", "alive", lambda holder: holder == "dead"), pytest.raises(LeaseLostError):
            dead.renew()
        with hold(lake, TABLE, "work", "next"):
            pass


def test_it_is_written_only_when_a_third_of_its_time_is_over(lake: Lake, later: Later) -> None:
    with hold(lake, TABLE, "work", "one") as lease:
        first = entry(lake)
        later(leases.TIME / 3 - timedelta(minutes=1))
        lease.renew()
        assert entry(lake) == first
        now = later(leases.TIME / 3 + timedelta(minutes=1))
        lease.renew()
        assert entry(lake).until == now + leases.TIME


# --- A branch of an older version -----------------------------------------------------------------------------------


def older_lease(lake: Lake, until: datetime) -> None:
    """Commit the branch that a holder of an older version leaves on its table."""
    properties = {leases.HOLDER: "older", leases.UNTIL: until.isoformat()}
    replace_files(lake.ensure(TABLE), f"{names.LEASE}work", [], [], properties)


def test_a_holder_of_an_older_version_keeps_others_out_for_its_time(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    older_lease(lake, stamp() + timedelta(minutes=1))
    with pytest.raises(LeaseHeldError, match="held by older until"), hold(lake, TABLE, "work", "one"):
        pass
    assert f"{names.LEASE}work" in lake.table(TABLE).metadata.refs


@pytest.mark.parametrize("gone", [True, False])
def test_what_a_dead_holder_of_an_older_version_left_is_removed(tmp_path: Path, gone: bool) -> None:
    lake = make_lake(tmp_path)
    older_lease(lake, stamp() + timedelta(minutes=1 if gone else -1))
    with hold(lake, TABLE, "work", "one", lambda holder: gone and holder == "older"):
        assert set(lake.table(TABLE).metadata.refs) == {refs.MAIN}


# --- Numbers in commits ---------------------------------------------------------------------------------------------


def swap_nothing(lake: Lake, lease: Lease) -> None:
    with swapped(lake, TABLE, refs.head(lake.table(TABLE)), lease) as branch:
        commit_nothing(lake, TABLE, branch, lease.to_summary())


def test_a_commit_says_under_which_number_it_was_made(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    lake.ensure(TABLE)
    assert newest_number(lake.table(TABLE)) == 0
    with hold(lake, TABLE, "work", "one", above=6) as lease:
        swap_nothing(lake, lease)
    commit_nothing(lake, TABLE, refs.MAIN, {})
    assert newest_number(lake.table(TABLE)) == 7


def test_who_was_overtaken_cannot_move_main_though_it_begins_where_main_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path)
    lake.ensure(TABLE)
    with hold(lake, TABLE, "work", "slow") as slow:
        with hold(lake, TABLE, "work", "next", lambda _: True) as lease:
            swap_nothing(lake, lease)
        before = refs.head(lake.table(TABLE))
        monkeypatch.setattr(Lease, "renew", lambda _: None)  # It has looked just before it was overtaken.
        with pytest.raises(LeaseLostError, match=r"has number 1, and main of ops.heals a commit of 2"):
            swap_nothing(lake, slow)
    table = lake.table(TABLE)
    assert (refs.head(table), set(table.metadata.refs)) == (before, {refs.MAIN})


def test_the_number_is_known_after_its_commit_has_left_the_chain(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    lake.ensure(TABLE)
    with hold(lake, TABLE, "work", "one", above=8) as lease:
        swap_nothing(lake, lease)
    refs.create_tag(lake.table(TABLE), f"{names.MARKER}x", refs.head(lake.table(TABLE)))
    commit_nothing(lake, TABLE, refs.MAIN, {})
    middle = refs.head(lake.table(TABLE))
    commit_nothing(lake, TABLE, refs.MAIN, {})
    remove_snapshots(lake, TABLE, [middle])
    assert newest_number(lake.table(TABLE)) == 9


def test_the_number_of_a_commit_that_never_reached_main_does_not_count(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    lake.ensure(TABLE)
    refs.create_branch(lake.table(TABLE), f"{names.SWAP}x", refs.head(lake.table(TABLE)))
    with hold(lake, TABLE, "work", "one", above=8) as lease:
        commit_nothing(lake, TABLE, f"{names.SWAP}x", lease.to_summary())
    assert newest_number(lake.table(TABLE)) == 0
