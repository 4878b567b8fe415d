"""Holders of leases: processes with unique names; for processes of this machine it is known which have died."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import psutil

from matinee.errors import LeaseHeldError
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease, hold

log = logging.getLogger(__name__)
PAUSE_S = 1.0
#: The wait is told at its begin, then after so many pauses.
TOLD_EACH = 60


@contextmanager
def hold_patiently(lake: Lake, dataset: str, name: str, patience: timedelta, above: int = 0) -> Iterator[Lease]:
    """Hold a lease for a block, as this process; wait for its holder, except for a holder that died on this machine.

    Args:
        lake: the lake.
        dataset: what the work is about.
        name: of the work.
        patience: how long to wait.
        above: see `hold`.

    Raises:
        LeaseHeldError: the lease was not free within that time.
    """
    from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, LeaseHeldError) and (state.attempt_number - 1) % TOLD_EACH == 0:
            waited = timedelta(seconds=round(state.seconds_since_start or 0))
            log.warning("%s: waited %s of at most %s. %s", dataset, waited, patience, error.message)

    held, ends = retry_if_exception_type(LeaseHeldError), stop_after_delay(patience)
    patiently = Retrying(retry=held, stop=ends, wait=wait_fixed(PAUSE_S), before_sleep=tell, reraise=True)
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
        running = psutil.Process(int(process))
        return running.status() == psutil.STATUS_ZOMBIE or abs(running.create_time() - started) > 1
    except psutil.NoSuchProcess:
        return True
