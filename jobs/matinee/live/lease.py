"""The stream's lease: ticks, repairs and expiry of the live tables exclude each other, on whatever machine they run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from matinee.live.register import TICKS
from matinee.table.catalog import Lake
from matinee.table.leases.holders import hold_patiently
from matinee.table.leases.lease import Lease, newest_number
from matinee.table.swap import drop_leftovers

LEASE = "stream"
#: How long repairs and expiry wait for the time between two ticks.
PATIENCE = timedelta(minutes=2)


@contextmanager
def streaming(lake: Lake, patience: timedelta = PATIENCE) -> Iterator[Lease]:
    """Hold the lease for the length of a block; wait for its holder. A holder that died on this machine is replaced.

    Raises:
        LeaseHeldError: the lease was not free within `patience`.
    """
    tables = [
        contract.dataset for contract in lake.registry.all() if contract.is_live and lake.exists(contract.dataset)
    ]
    above = max((newest_number(lake.table(name)) for name in tables), default=0)
    with hold_patiently(lake, TICKS, LEASE, patience, above) as lease:
        for dataset in filter(lake.exists, tables):
            drop_leftovers(lake, dataset)
        yield lease


def lease_of(lake: Lake, holder: str, number: int) -> Lease:
    """Return the lease that a process holds, for another process that works for it."""
    return Lease(lake, TICKS, LEASE, holder, number)
