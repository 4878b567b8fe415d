"""The stream's lease: ticks, repairs and expiry of the live tables exclude each other, on whatever machine they run."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import psutil

from matinee.contracts.model import live_name
from matinee.errors import LeaseHeldError
from matinee.live.impressions import LIVE
from matinee.live.register import TICKS
from matinee.table.catalog import Lake
from matinee.table.lease import Lease, hold, newest_number
from matinee.table.swap import drop_leftovers

LEASE = "stream"
#: Between two ticks there is time: who comes now and then waits for it.
PATIENCE, PAUSE_S = timedelta(minutes=2), 1.0


@contextmanager
def streaming(lake: Lake, patience: timedelta = PATIENCE) -> Iterator[Lease]:
    """Hold the lease for the length of a block; wait for who has it. One that died on this machine is taken over.

    Raises:
        LeaseHeldError: it was not free within that time.
    """
    tables = map(lake.table, filter(lake.exists, map(live_name, LIVE)))
    above = max(map(newest_number, tables), default=0)
    deadline = time.monotonic() + patience.total_seconds()
    with ExitStack() as stack:
        while True:
            try:
                lease = stack.enter_context(hold(lake, TICKS, LEASE, _me(), _is_gone, above))
                break
            except LeaseHeldError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(PAUSE_S)
        for dataset in filter(lake.exists, map(live_name, LIVE)):
            drop_leftovers(lake, dataset)
        yield lease


def lease_of(lake: Lake, holder: str, number: int) -> Lease:
    """Return the lease that a process holds, for another one that works for it."""
    return Lease(lake, TICKS, LEASE, holder, number)


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
