"""Holders of leases: a holder that died on this machine is known to be gone; of other machines nothing is known."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from tests.support.disks import no_file_larger_than

from matinee.errors import LeaseHeldError
from matinee.settings import load_settings
from matinee.table.catalog import Lake
from matinee.table.leases import holders
from matinee.table.leases.holders import _is_gone, _me, hold_patiently


def test_this_process_is_not_gone() -> None:
    assert not _is_gone(_me())


def test_a_process_that_ended_or_whose_number_was_taken_again_is_gone() -> None:
    started = psutil.Process().create_time()
    assert _is_gone(f"{socket.gethostname()}/{os.getpid()}/{started - 60:.2f}")
    assert _is_gone(f"{socket.gethostname()}/999999999/1.00")


def test_of_another_machine_nothing_is_known() -> None:
    assert not _is_gone("another/999999999/1.00")


def test_who_comes_meanwhile_waits_and_then_has_it(tmp_path: Path) -> None:
    lake = Lake.open(load_settings(home=tmp_path, catalog="embedded"))

    def work(_: int) -> float:
        with hold_patiently(lake, "raw.plays", "landing", timedelta(minutes=1)):
            began = time.monotonic()
            time.sleep(0.1)
            return began

    with ThreadPoolExecutor(2) as pool:
        first, second = sorted(pool.map(work, (1, 2)))
    assert second - first >= 0.1


def test_who_has_waited_long_enough_is_told_who_holds_it(tmp_path: Path) -> None:
    lake = Lake.open(load_settings(home=tmp_path, catalog="embedded"))
    with (
        hold_patiently(lake, "raw.plays", "landing", timedelta(0)),
        pytest.raises(LeaseHeldError, match=f"'landing' is held by {socket.gethostname()}"),
        hold_patiently(lake, "raw.plays", "landing", timedelta(0)),
    ):
        pass


def test_a_wait_is_told_at_its_begin_and_then_now_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(holders, "PAUSE_S", 0.01)
    monkeypatch.setattr(holders, "TOLD_EACH", 2)
    lake = Lake.open(load_settings(home=tmp_path, catalog="embedded"))
    with (
        hold_patiently(lake, "raw.plays", "landing", timedelta(0)),
        pytest.raises(LeaseHeldError) as held,
        hold_patiently(lake, "raw.plays", "landing", timedelta(seconds=0.5)),
    ):
        pass
    first, second, *_ = caplog.messages
    assert first == f"raw.plays: waited 0:00:00 of at most 0:00:00.500000. {held.value.message}"
    assert "it was taken, or renewed, at 20" in first
    assert second.startswith("raw.plays: waited ")


def test_a_lease_that_is_not_waited_for_is_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = Lake.open(load_settings(home=tmp_path, catalog="embedded"))
    with (
        hold_patiently(lake, "raw.plays", "landing", timedelta(0)),
        pytest.raises(LeaseHeldError),
        hold_patiently(lake, "raw.plays", "landing", timedelta(0)),
    ):
        pass
    assert caplog.messages == []


def test_who_could_not_give_it_up_has_it_again_at_once(tmp_path: Path) -> None:
    lake = Lake.open(load_settings(home=tmp_path / "home", catalog="embedded"))
    with ExitStack() as ended:
        first = ended.enter_context(hold_patiently(lake, "raw.plays", "landing", timedelta(0)))
        with no_file_larger_than(0):
            ended.close()
    with hold_patiently(Lake.open(lake.settings), "raw.plays", "landing", timedelta(0)) as lease:
        assert lease.number == first.number + 1
        with (
            pytest.raises(LeaseHeldError),
            hold_patiently(lake, "raw.plays", "landing", timedelta(0)),
        ):
            pass


def test_who_kept_the_lease_of_one_lake_waits_for_the_lease_of_another(tmp_path: Path) -> None:
    lake, other = (Lake.open(load_settings(home=tmp_path / name, catalog="embedded")) for name in ("one", "other"))
    with ExitStack() as ended:
        ended.enter_context(hold_patiently(lake, "raw.plays", "landing", timedelta(0)))
        with no_file_larger_than(0):
            ended.close()
    with (
        hold_patiently(other, "raw.plays", "landing", timedelta(0)),
        pytest.raises(LeaseHeldError),
        hold_patiently(other, "raw.plays", "landing", timedelta(0)),
    ):
        pass
