"""A swap: rows are written to a branch that begins at a pin, and `main` moves there only if it is still at the pin.

Whoever was overtaken meanwhile, also one that took itself for the only writer, fails and has changed nothing.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease


def drop_leftovers(lake: Lake, dataset: str) -> None:
    """Drop the branches of swaps that were killed; for the one writer of the table, before it begins.

    They would hold what they began with against expiry, and the days they touch against compaction.
    """
    table = lake.table(dataset)
    for name, ref in list(table.metadata.refs.items()):
        if name.startswith(names.SWAP):
            table = refs.remove(table, name, expected=ref.snapshot_id)


@contextmanager
def swapped(lake: Lake, dataset: str, pin: int, lease: Lease | None = None) -> Iterator[str]:
    """Yield a branch at the pin; when the block ends without an error, move `main` to what was written there.

    Args:
        lake: the lake.
        dataset: the table.
        pin: where `main` is.
        lease: that the work is done under; what is written carries its number.

    Raises:
        CommitConflictError: `main` is not at the pin any more; nothing was changed.
        LeaseLostError: another holds the lease, or one that held it later has moved `main`; nothing was changed.
    """
    branch = f"{names.SWAP}{uuid.uuid4().hex[:12]}"
    refs.create_branch(lake.table(dataset), branch, pin)
    try:
        yield branch
        if lease is not None:
            lease.renew()
        table = lake.table(dataset)
        if lease is not None:
            # `main` is moved from the pin or not at all, so nobody comes between this look and the move.
            lease.refuse_overtaken(table)
        refs.publish_snapshot(table, refs.head(table, branch), expected=pin)
    finally:
        refs.let_go(lake.table(dataset), branch)
