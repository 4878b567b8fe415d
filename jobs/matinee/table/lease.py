"""Leases: one holder at a time of a named piece of work, on whatever machine, kept in the catalog.

A lease is a branch `lease_<name>` of a table, at a snapshot without rows that says who holds it and until when. Taking,
renewing and giving it up are compare-and-swaps on that branch. Who dies leaves it behind; it can be taken when its time
is over. The time is the only clock: it decides who works, never what is written.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from matinee.errors import CommitConflictError, LeaseHeldError, MatineeError
from matinee.table import names, refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.commits import replace_files
from matinee.table.registers import stamp

log = logging.getLogger(__name__)
HOLDER = "matinee.lease-holder"
UNTIL = "matinee.lease-until"
TIME = timedelta(minutes=30)


@dataclass(frozen=True)
class Lease:
    """A lease that is held: renew it before its time is over, and stop working where that fails."""

    lake: Lake
    dataset: str
    branch: str
    holder: str

    def renew(self) -> None:
        """Hold it for its whole time from now on.

        Raises:
            CommitConflictError: it ran out and another took it.
        """
        _write(self, new=False)

    def give_up(self) -> None:
        """Let others have it; one that another took meanwhile is left alone, and one that cannot be reached ends."""
        try:
            table = self.lake.table(self.dataset)
            found = refs.reference(table, self.branch)
            if found is not None and summary_of(table, found).get(HOLDER) == self.holder:
                refs.remove(table, self.branch, expected=found)
        except MatineeError as error:
            log.warning("'%s' ends by its time only: %s", self.branch, error)


@contextmanager
def hold(
    lake: Lake, dataset: str, name: str, holder: str, is_gone: Callable[[str], bool] = lambda _: False
) -> Iterator[Lease]:
    """Hold a lease for a block.

    Args:
        lake: the lake.
        dataset: the table whose branch it is.
        name: of the work.
        holder: names this process and no other.
        is_gone: whether a holder is known to have died: then its lease is taken at once.

    Raises:
        LeaseHeldError: another holds it, and its time is not over.
    """
    lease = Lease(lake, dataset, f"{names.LEASE}{name}", holder)
    _take(lease, is_gone)
    try:
        yield lease
    finally:
        lease.give_up()


def _take(lease: Lease, is_gone: Callable[[str], bool]) -> None:
    table = lease.lake.ensure(lease.dataset)
    found = refs.reference(table, lease.branch)
    if found is not None:
        summary = summary_of(table, found)
        until = datetime.fromisoformat(summary[UNTIL])
        if until > stamp() and not is_gone(summary[HOLDER]):
            raise _held(lease.branch, summary[HOLDER], until)
        with suppress(CommitConflictError):
            refs.remove(table, lease.branch, expected=found)
    try:
        _write(lease, new=True)
    except CommitConflictError as error:
        raise _held(lease.branch, "another process", None) from error


def _write(lease: Lease, *, new: bool) -> None:
    """Commit the snapshot that says who holds the branch; a commit elsewhere in the table is no conflict."""
    properties = {HOLDER: lease.holder, UNTIL: (stamp() + TIME).isoformat()}
    for _ in range(refs.COMMIT_TRIES):
        table = lease.lake.table(lease.dataset)
        found = refs.reference(table, lease.branch)
        ours = found is not None and summary_of(table, found).get(HOLDER) == lease.holder
        if (found is not None) if new else not ours:
            break
        with suppress(CommitConflictError):
            replace_files(table, lease.branch, [], [], properties)
            return
    raise CommitConflictError(
        f"'{lease.branch}' of {lease.dataset} is another's, or others commit to that table all the time.",
        next_step="Run again: the work goes on from where it is.",
        facts={"reference": lease.branch},
    )


def _held(branch: str, holder: str, until: datetime | None) -> LeaseHeldError:
    ends = f" until {until:%Y-%m-%d %H:%M:%SZ}" if until else ""
    return LeaseHeldError(
        f"'{branch.removeprefix(names.LEASE)}' is held by {holder}{ends}.",
        next_step="Wait until it is done; one that died is taken over when that time has come.",
        facts={"holder": holder, "until": until},
    )
