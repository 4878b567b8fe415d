"""Holders of leases: processes, each with a name that no other has; of this machine's it is known who died."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import psutil

from matinee.errors import LeaseHeldError
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease, hold

PAUSE_S = 1.0


@contextmanager
def hold_patiently(lake: Lake, dataset: str, name: str, patience: timedelta, above: int = 0) -> Iterator[Lease]:
    """Hold a lease for a block, as this process; wait for who has it. Of one that died on this machine it is taken.

    Args:
        lake: the lake.
        dataset: what the work is about.
        name: of the work.
        patience: how long to wait.
        above: see `hold`.

    Raises:
        LeaseHeldError: it was not free within that time.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

    held, ends = retry_if_exception_type(LeaseHeldError), stop_after_delay(patience)
    patiently = Retrying(retry=held, stop=ends, wait=wait_fixed(PAUSE_S), reraise=True)
    with ExitStack() as stack:
        yield patiently(lambda: stack.enter_context(hold(lake, dataset, name, _me(), _is_gone, above)))


def _me() -> str:
    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def _is_gone(holder: str) -> bool:
    """Whether a holder was a process of this machine that runs no more."""
    host, _, process = holder.rpartition("/")[0].rpartition("/")
    started = float(holder.rpartition("/")[2])
    if host != socket.gethostname():
        return False
    try:
        found = psutil.Process(int(process))
        return found.status() == psutil.STATUS_ZOMBIE or abs(found.create_time() - started) > 1
    except psutil.NoSuchProcess:
        return True
