"""The stream's lease: who died on this machine is taken over, who may live is waited for."""

import os
import socket
from pathlib import Path

import psutil

from matinee.contracts.model import live_name
from matinee.live.impressions import OUTCOMES
from matinee.live.lease import _is_gone, _me, streaming
from matinee.settings import load_settings
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing


def test_this_process_is_not_gone() -> None:
    assert not _is_gone(_me())


def test_a_process_that_ended_is_gone_and_so_is_one_whose_number_was_taken_again() -> None:
    started = psutil.Process().create_time()
    assert _is_gone(f"{socket.gethostname()}/{os.getpid()}/{started - 60:.2f}")
    assert _is_gone(f"{socket.gethostname()}/999999999/1.00")


def test_of_another_machine_nothing_is_known() -> None:
    assert not _is_gone("another/999999999/1.00")


def test_who_takes_it_drops_the_branch_of_a_swap_that_was_killed(tmp_path: Path) -> None:
    lake, name = Lake.open(load_settings(home=tmp_path, catalog="embedded")), live_name(OUTCOMES)
    lake.ensure(name)
    commit_nothing(lake, name, refs.MAIN, {})
    refs.create_branch(lake.table(name), f"{names.SWAP}killed", refs.head(lake.table(name)))
    with streaming(lake):
        assert set(lake.table(name).metadata.refs) == {refs.MAIN}
