"""The stream's lease: who died on this machine is taken over, who may live is waited for."""

import os
import socket

import psutil

from matinee.streaming.lease import _is_gone, _me


def test_this_process_is_not_gone() -> None:
    assert not _is_gone(_me())


def test_a_process_that_ended_is_gone_and_so_is_one_whose_number_was_taken_again() -> None:
    started = psutil.Process().create_time()
    assert _is_gone(f"{socket.gethostname()}/{os.getpid()}/{started - 60:.2f}")
    assert _is_gone(f"{socket.gethostname()}/999999999/1.00")


def test_of_another_machine_nothing_is_known() -> None:
    assert not _is_gone("another/999999999/1.00")
