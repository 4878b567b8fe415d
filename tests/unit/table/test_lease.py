"""Leases: one holder at a time; one that died is taken over when its time has come."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.lakes import make_lake

from matinee.errors import CommitConflictError, LeaseHeldError
from matinee.table import lease as leases
from matinee.table import refs
from matinee.table.lease import Lease, hold
from matinee.table.registers import stamp

TABLE = "ops.heals"


def test_a_second_holder_is_told_who_holds_it(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    with hold(lake, TABLE, "work", "one"):
        with pytest.raises(LeaseHeldError, match="held by one until"), hold(lake, TABLE, "work", "two"):
            pass
        with hold(lake, TABLE, "other", "two"):
            pass


def test_it_is_free_when_the_block_ends_whatever_ended_it(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    with pytest.raises(ZeroDivisionError), hold(lake, TABLE, "work", "one"):
        raise ZeroDivisionError
    with hold(lake, TABLE, "work", "two"):
        assert set(lake.table(TABLE).metadata.refs) == {"main", "lease_work"}
    assert set(lake.table(TABLE).metadata.refs) == {"main"}


def test_it_leaves_the_rows_of_its_table_alone(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    before = refs.head(lake.ensure(TABLE))
    with hold(lake, TABLE, "work", "one") as lease:
        lease.renew()
    assert refs.head(lake.table(TABLE)) == before


def test_who_died_is_replaced_when_the_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = make_lake(tmp_path)
    monkeypatch.setattr(Lease, "give_up", lambda _: None)
    with hold(lake, TABLE, "work", "dead"):
        pass
    with pytest.raises(LeaseHeldError, match="held by dead"), hold(lake, TABLE, "work", "next"):
        pass
    later = stamp() + leases.TIME + timedelta(seconds=1)
    monkeypatch.setattr(leases, "stamp", lambda: later)
    with hold(lake, TABLE, "work", "next") as lease:
        assert lease.holder == "next"


def test_who_lost_it_cannot_renew_it_and_does_not_take_it_from_the_new_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path)
    with hold(lake, TABLE, "work", "slow") as lost:
        later = stamp() + leases.TIME + timedelta(seconds=1)
        monkeypatch.setattr(leases, "stamp", lambda: later)
        with hold(lake, TABLE, "work", "next"):
            with pytest.raises(CommitConflictError, match="is another's"):
                lost.renew()
            lost.give_up()
            assert "lease_work" in lake.table(TABLE).metadata.refs


def test_two_that_take_it_at_once_are_one_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = make_lake(tmp_path)
    ours = leases.replace_files

    def other_first(*arguments: object) -> None:
        monkeypatch.setattr(leases, "replace_files", ours)
        leases._take(Lease(lake, TABLE, "lease_work", "quick"), lambda _: False)
        ours(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(leases, "replace_files", other_first)
    with pytest.raises(LeaseHeldError), hold(lake, TABLE, "work", "late"):
        pass


def test_a_holder_that_is_known_to_be_gone_is_taken_over_at_once(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    with hold(lake, TABLE, "work", "dead") as dead:
        with hold(lake, TABLE, "work", "alive", lambda holder: holder == "dead"), pytest.raises(CommitConflictError):
            dead.renew()
        with hold(lake, TABLE, "work", "next"):
            pass
