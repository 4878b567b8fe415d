"""Leases: one holder at a time of a named piece of work, on whatever machine, kept beside the catalog.

Taking, renewing and giving a lease up are compare-and-swaps of one entry (`table.leases.lease_store`); no table gets a
snapshot for it. Who dies leaves it behind; it can be taken when its time is over. The time is the only clock: it
decides who works, never what is written. What is written is guarded by the number of the lease, which rises from holder
to holder: a holder's commits carry it, and one that was overtaken is refused though it has not noticed yet.

Versions before this one kept a lease as a branch `lease_<name>` of a table. One whose time is not over still keeps
others out.
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
#: Less than this is left when it is renewed: a third of the time is over.
LEFT = TIME * 2 / 3
#: Leases whose end this process could not write: of which lake, which lease, its holder, its number.
_ENDED: set[tuple[str, str, str, str, int]] = set()


@dataclass(frozen=True)
class Lease:
    """A lease that is held: renew it before its time is over, and stop working where that fails.

    Attributes:
        lake: of the work.
        dataset: what the work is about; older versions kept the lease there.
        name: of the work.
        holder: names this process and no other.
        number: greater than that of every holder before.
    """

    lake: Lake
    dataset: str
    name: str
    holder: str
    number: int

    @property
    def key(self) -> str:
        """What the entry is called."""
        return f"{self.dataset}/{self.name}"

    def renew(self) -> None:
        """Hold it for its whole time from now on; it is read each time, and written once a third of that is over.

        Raises:
            LeaseLostError: it ran out and another took it.
        """
        store = store_of(self.lake)
        for _ in range(refs.COMMIT_TRIES):
            found = store.read(self.key)
            if found is None or not self._is_ours(found):
                break
            # Where the write loses, a process that works for this one was first.
            if found.until - stamp() > LEFT or store.write(self.key, replace(found, until=stamp() + TIME)):
                return
        raise self._lost("is another's by now")

    def give_up(self) -> None:
        """Let others have it; one that another took meanwhile is left alone.

        Where that cannot be written (the disk is full), other processes wait until its time is over, this one does not.
        """
        try:
            store = store_of(self.lake)
            found = store.read(self.key)
            if found is not None and self._is_ours(found):
                store.write(self.key, replace(found, holder="", until=stamp()))
        except MatineeError as error:
            _ENDED.add(_identity(self.lake, self.key, self.holder, self.number))
            log.warning("'%s' ends by its time only: %s", self.name, error)

    def to_summary(self) -> dict[str, str]:
        """Return the snapshot properties that say which holder a commit is of."""
        return {NUMBER: str(self.number)}

    def refuse_overtaken(self, table: "Table") -> None:
        """Refuse to move the `main` that was loaded where a later holder has moved it.

        Raises:
            LeaseLostError: its newest commit under this lease has a greater number.
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
        LeaseHeldError: another holds it, and its time is not over.
    """
    lease = _take(lake, dataset, name, holder, is_gone, above)
    try:
        yield lease
    finally:
        lease.give_up()


def newest_number(table: "Table") -> int:
    """Return the greatest number of a lease that a commit of the table's `main` carries; 0 where none does.

    Each was refused where a greater one was there before, so it is the newest one's. Where that has expired, expiry has
    left a marker.
    """
    known = (int(summary[NUMBER]) for _, summary in refs.summaries(table) if NUMBER in summary)
    newest = next(known, None)
    if newest is not None:
        return newest
    tagged = (ref.snapshot_id for name, ref in table.metadata.refs.items() if name.startswith(names.MARKER))
    return max((int(summary_of(table, one).get(NUMBER, 0)) for one in tagged), default=0)


def _take(lake: Lake, dataset: str, name: str, holder: str, is_gone: Callable[[str], bool], above: int) -> Lease:
    refuse_older(lake.catalog)
    _refuse_branch(lake, dataset, name, is_gone)
    lease, store = Lease(lake, dataset, name, holder, above + 1), store_of(lake)
    found = store.read(lease.key)
    if found is not None:
        has_ended = _identity(lake, lease.key, found.holder, found.number) in _ENDED
        if found.holder and found.until > stamp() and not has_ended and not is_gone(found.holder):
            raise _held(name, found.holder, found.until)
        lease = replace(lease, number=max(found.number, above) + 1)
    version = found.version if found is not None else None
    if not store.write(lease.key, Entry(holder, stamp() + TIME, lease.number, version)):
        raise _held(name, "another process", None)
    # An older catalog that was put back gives numbers again.
    _ENDED.discard(_identity(lake, lease.key, lease.holder, lease.number))
    return lease


def _identity(lake: Lake, key: str, holder: str, number: int) -> tuple[str, str, str, str, int]:
    return lake.settings.warehouse_uri, lake.settings.catalog_name, key, holder, number


def _refuse_branch(lake: Lake, dataset: str, name: str, is_gone: Callable[[str], bool]) -> None:
    """Leave the work to a process of an older version that is at it; remove the branch of one that died."""
    if not lake.exists(dataset):
        return
    table, branch = lake.table(dataset), f"{names.LEASE}{name}"
    refuse_foreign(table)
    found = refs.reference(table, branch)
    if found is None:
        return
    summary = summary_of(table, found)
    until = datetime.fromisoformat(summary[UNTIL])
    if until > stamp() and not is_gone(summary[HOLDER]):
        raise _held(name, summary[HOLDER], until)
    refs.let_go(table, branch)


def _held(name: str, holder: str, until: datetime | None) -> LeaseHeldError:
    ends = f" until {until:%Y-%m-%d %H:%M:%SZ}" if until else ""
    return LeaseHeldError(
        f"'{name}' is held by {holder}{ends}.",
        next_step="Wait until it is done; one that died is taken over when that time has come.",
        facts={"holder": holder, "until": until},
    )
