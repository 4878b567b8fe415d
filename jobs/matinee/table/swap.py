"""A swap: rows are written to a branch that begins at a pin, and `main` moves there only if it is still at the pin.

A writer that was overtaken meanwhile fails and has changed nothing, even if it took itself for the only writer.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.leases.lease import Lease


def drop_leftovers(lake: Lake, dataset: str) -> None:
    """Drop the branches of swaps that were killed; the table's only writer calls this before it begins.

    Such branches would keep their first snapshots from expiry, and the days they touch from compaction.
    """
    table = lake.table(dataset)
    for name, ref in list(table.metadata.refs.items()):
        if name.startswith(names.SWAP):
            table = refs.remove(table, name, expected=ref.snapshot_id)


@contextmanager
def swapped(lake: Lake, dataset: str, pin: int, lease: Lease | None = None) -> Iterator[str]:
    """Yield a branch at the pin; when the block ends without an error, move `main` to the branch's head.

    Args:
        lake: the lake.
        dataset: the table.
        pin: where `main` is.
        lease: the lease of the work; the commits carry its number.

    Raises:
        CommitConflictError: `main` is not at the pin any more; nothing was changed.
        LeaseLostError: another process holds the lease, or a later holder has moved `main`; nothing was changed.
    """
    branch = f"{names.SWAP}{uuid.uuid4().hex[:12]}"
    refs.create_branch(lake.table(dataset), branch, pin)
    try:
        yield branch
        if lease is not None:
            lease.renew()
        table = lake.table(dataset)
        if lease is not None:
            # `main` is moved from the pin or not at all, so no commit comes between this check and the move.
            lease.refuse_overtaken(table)
        refs.publish_snapshot(table, refs.head(table, branch), expected=pin)
    finally:
        refs.let_go(lake.table(dataset), branch)
