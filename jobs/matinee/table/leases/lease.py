"""Leases: one holder at a time of a named piece of work, on whatever machine, kept beside the catalog.

Taking, renewing and giving up a lease are compare-and-swaps of one entry (`table.leases.lease_store`); no table gets a
snapshot for a lease. A process that dies leaves its lease behind; another can take the lease when its time is over. The
time decides only who works, never what is written. The number of the lease guards the writes: it rises from holder to
holder, a holder's commits carry it, and an overtaken holder is refused even before it notices.

Earlier versions kept a lease as a branch `lease_<name>` of a table. Such a branch still keeps others out until its time
is over.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from matinee.errors import LeaseHeldError, LeaseLostError, MatineeError
from matinee.table import names, refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.lake_format import refuse_older
from matinee.table.leases.lease_store import Entry, store_of
from matinee.table.location import refuse_foreign
from matinee.table.registers import stamp

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)
#: In the summary of a commit: the number of the lease that it was made under.
NUMBER = "matinee.lease-number"
#: In the summary of an older version's lease branch.
HOLDER, UNTIL = "matinee.lease-holder", "matinee.lease-until"
TIME = timedelta(minutes=30)
#: A lease is renewed when less than this is left: a third of the time is over.
LEFT = TIME * 2 / 3
#: Leases whose end this process could not write: the lake, the lease, its holder, its number.
_ENDED: set[tuple[str, str, str, str, int]] = set()


@dataclass(frozen=True)
class Lease:
    """A lease that is held: renew it before its time is over, and stop working where that fails.

    Attributes:
        lake: of the work.
        dataset: what the work is about; older versions kept the lease there.
        name: of the work.
        holder: names this process and no other.
        number: greater than the number of every holder before.
    """

    lake: Lake
    dataset: str
    name: str
    holder: str
    number: int

    @property
    def key(self) -> str:
        """The name of the entry."""
        return f"{self.dataset}/{self.name}"

    def renew(self) -> None:
        """Hold the lease for its whole time from now on; the entry is written only once a third of the time is over.

        Raises:
            LeaseLostError: the lease ran out and another process took it.
        """
        store = store_of(self.lake)
        for _ in range(refs.COMMIT_TRIES):
            entry = store.read(self.key)
            if entry is None or not self._is_ours(entry):
                break
            # Where the write loses, another process that works for this holder was first.
            if entry.until - stamp() > LEFT or store.write(self.key, replace(entry, until=stamp() + TIME)):
                return
        raise self._lost("is another's by now")

    def give_up(self) -> None:
        """Give the lease up; a lease that another process took meanwhile is left alone.

        Where the entry cannot be written (the disk is full), other processes wait until its time is over; this process
        does not.
        """
        try:
            store = store_of(self.lake)
            entry = store.read(self.key)
            if entry is not None and self._is_ours(entry):
                store.write(self.key, replace(entry, holder="", until=stamp()))
        except MatineeError as error:
            _ENDED.add(_identity(self.lake, self.key, self.holder, self.number))
            log.warning("'%s' ends only when its time is over: %s", self.name, error)

    def to_summary(self) -> dict[str, str]:
        """Return the snapshot properties that tell the holder of a commit."""
        return {NUMBER: str(self.number)}

    def refuse_overtaken(self, table: "Table") -> None:
        """Refuse to move the `main` of a loaded table where a later holder has moved it.

        Raises:
            LeaseLostError: the newest commit under this lease has a greater number.
        """
        newest = newest_number(table)
        if newest > self.number:
            raise self._lost(f"has number {self.number}, and main of {'.'.join(table.name())} a commit of {newest}")

    def _is_ours(self, entry: Entry) -> bool:
        return (entry.holder, entry.number) == (self.holder, self.number)

    def _lost(self, how: str) -> LeaseLostError:
        return LeaseLostError(
            f"The lease '{self.name}' that {self.holder} held {how}.",
            next_step="Run again: the work goes on from where it is.",
            facts={"lease": self.key, "holder": self.holder, "number": self.number},
        )


@contextmanager
def hold(
    lake: Lake,
    dataset: str,
    name: str,
    holder: str,
    is_gone: Callable[[str], bool] = lambda _: False,
    above: int = 0,
) -> Iterator[Lease]:
    """Hold a lease for a block.

    Args:
        lake: the lake.
        dataset: what the work is about.
        name: of the work.
        holder: names this process and no other.
        is_gone: whether a holder is known to have died: then its lease is taken at once.
        above: the lease's number is to be greater than this, also where the entries of all leases were lost.

    Raises:
        LeaseHeldError: another process holds the lease, and its time is not over.
    """
    lease = _take(lake, dataset, name, holder, is_gone, above)
    try:
        yield lease
    finally:
        lease.give_up()


def newest_number(table: "Table") -> int:
    """Return the greatest number of a lease that a commit of the table's `main` carries; 0 where none does.

    A commit is refused where `main` has a greater number, so the newest commit has the greatest. Where that commit has
    expired, expiry has left a marker.
    """
    known = (int(summary[NUMBER]) for _, summary in refs.summaries(table) if NUMBER in summary)
    newest = next(known, None)
    if newest is not None:
        return newest
    tagged = (ref.snapshot_id for name, ref in table.metadata.refs.items() if name.startswith(names.MARKER))
    return max((int(summary_of(table, snapshot_id).get(NUMBER, 0)) for snapshot_id in tagged), default=0)


def _take(lake: Lake, dataset: str, name: str, holder: str, is_gone: Callable[[str], bool], above: int) -> Lease:
    refuse_older(lake.catalog)
    _refuse_branch(lake, dataset, name, is_gone)
    lease, store = Lease(lake, dataset, name, holder, above + 1), store_of(lake)
    entry = store.read(lease.key)
    if entry is not None:
        has_ended = _identity(lake, lease.key, entry.holder, entry.number) in _ENDED
        if entry.holder and entry.until > stamp() and not has_ended and not is_gone(entry.holder):
            raise _held(name, entry.holder, entry.until)
        lease = replace(lease, number=max(entry.number, above) + 1)
    version = entry.version if entry is not None else None
    if not store.write(lease.key, Entry(holder, stamp() + TIME, lease.number, version)):
        raise _held(name, "another process", None)
    # After the restore of an older catalog numbers are given again.
    _ENDED.discard(_identity(lake, lease.key, lease.holder, lease.number))
    return lease


def _identity(lake: Lake, key: str, holder: str, number: int) -> tuple[str, str, str, str, int]:
    return lake.settings.warehouse_uri, lake.settings.catalog_name, key, holder, number


def _refuse_branch(lake: Lake, dataset: str, name: str, is_gone: Callable[[str], bool]) -> None:
    """Refuse where a process of an older version does the work; remove the branch of a process that died."""
    if not lake.exists(dataset):
        return
    table, branch = lake.table(dataset), f"{names.LEASE}{name}"
    refuse_foreign(table)
    snapshot_id = refs.reference(table, branch)
    if snapshot_id is None:
        return
    summary = summary_of(table, snapshot_id)
    until = datetime.fromisoformat(summary[UNTIL])
    if until > stamp() and not is_gone(summary[HOLDER]):
        raise _held(name, summary[HOLDER], until)
    refs.let_go(table, branch)


def _held(name: str, holder: str, until: datetime | None) -> LeaseHeldError:
    times = ""
    if until:
        times = f" until {until:%Y-%m-%d %H:%M:%SZ}; it was taken, or renewed, at {until - TIME:%Y-%m-%d %H:%M:%SZ}"
    return LeaseHeldError(
        f"'{name}' is held by {holder}{times}.",
        next_step="Wait until the holder is done; the lease of a dead holder can be taken when its time is over.",
        facts={"holder": holder, "until": until},
    )
