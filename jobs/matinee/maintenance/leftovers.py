"""Leftovers: branches and pins of runs that died; they hold back expiry, since some time and until some time.

`matinee doctor` names them, `matinee doctor --clean` drops them at once. The nightly upkeep drops branches whose time
is over: no live run works on one branch for a week. Branches of failed audits stay twice as long, so that somebody can
look at them. Pins end by themselves (`ledger.pins`).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from matinee.days import instant_of_millis
from matinee.errors import CommitConflictError
from matinee.ledger import pins
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.ledger.recovery import recover
from matinee.table import names, refs
from matinee.table.catalog import Lake

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.refs import SnapshotRef

#: How long an idle branch may stay; how long the branch of a failed audit; how long a run can be at work.
KEEP, KEEP_REFUSED, KEEP_LIVE = timedelta(days=7), timedelta(days=14), pins.KEEP


@dataclass(frozen=True)
class Leftover:
    """A working branch, or a pin, that no step removed: of a run that died, or of one that is still alive.

    Attributes:
        since: when the branch or pin last changed, or when `main` left the snapshot that it is still at; None: it is at
            the head of `main`, so it holds nothing yet.
        until: when it is removed by itself; None where it holds nothing.
        refused: whether an audit of the branch failed.
    """

    dataset: str
    branch: str
    snapshot_id: int
    since: datetime | None
    until: datetime | None
    refused: bool = False

    @property
    def spark_name(self) -> str:
        """The name by which Spark reads the branch or pin."""
        return f"{self.dataset}.{'tag' if self.branch.startswith(names.PIN) else 'branch'}_{self.branch}"


def leftovers(lake: Lake) -> Iterator[Leftover]:
    """Yield the working branches and pins of all tables; experiments are not leftovers."""
    for contract in lake.registry.all():
        if lake.exists(contract.dataset):
            yield from leftovers_of(lake, contract.dataset)


def leftovers_of(lake: Lake, dataset: str) -> Iterator[Leftover]:
    """Yield the working branches and pins of a dataset's table."""
    table = lake.table(dataset)
    references = {
        name: ref for name, ref in sorted(table.metadata.refs.items()) if name.startswith((*names.WORK, names.PIN))
    }
    refused = _refused(lake, dataset) if any(name.startswith(names.AUDIT) for name in references) else set()
    for name, ref in references.items():
        if name.startswith(names.PIN):
            end = refs.ends(table, name)
            yield Leftover(dataset, name, ref.snapshot_id, end - pins.KEEP if end else None, end)
            continue
        since, is_refused = _since(table, ref), (name, ref.snapshot_id) in refused
        until = since + (KEEP_REFUSED if is_refused else KEEP) if since else None
        yield Leftover(dataset, name, ref.snapshot_id, since, until, is_refused)


def clean(lake: Lake, leftover: Leftover) -> None:
    """Drop a leftover; a publication that was prepared there is then recorded as abandoned.

    Raises:
        CommitConflictError: the branch moved meanwhile, so somebody is at work on it.
    """
    refs.remove(lake.table(leftover.dataset), leftover.branch, expected=leftover.snapshot_id)
    if lake.registry.get(leftover.dataset).transform:
        recover(lake, leftover.dataset)


def clean_overdue(lake: Lake, dataset: str, now: datetime) -> list[Leftover]:
    """Drop the branches of a dataset whose time is over at `now`, unless their runs hold pins; return them."""
    table_branches = (leftover for leftover in leftovers_of(lake, dataset) if not leftover.branch.startswith(names.PIN))
    overdue = [leftover for leftover in table_branches if leftover.until is not None and leftover.until < now]
    alive = _pinning(lake, now) if overdue else set()
    dropped = []
    for leftover in overdue:
        if leftover.branch.removeprefix(names.AUDIT).removeprefix(names.REPLAY) in alive:
            continue
        with suppress(CommitConflictError):  # The branch moved: somebody is at work on it.
            clean(lake, leftover)
            dropped.append(leftover)
    return dropped


def _refused(lake: Lake, dataset: str) -> set[tuple[str, int | None]]:
    if not lake.registry.get(dataset).transform:
        return set()
    return {(note.branch, note.audited_snapshot_id) for note in history(lake, dataset).notes(State.ABANDONED)}


def _since(table: "Table", ref: "SnapshotRef") -> datetime | None:
    snapshot = table.metadata.snapshot_by_id(ref.snapshot_id)
    if snapshot is None or ref.snapshot_id == refs.reference(table, refs.MAIN):
        return None
    # A branch begins at the head of `main`: a branch without commits was made before `main` left that snapshot.
    at_ms = refs.last_read_ms(table).get(ref.snapshot_id, snapshot.timestamp_ms)
    return instant_of_millis(at_ms)


def _pinning(lake: Lake, now: datetime) -> set[str]:
    """Return the runs that hold what they read: they are at work, or were within two days."""
    tables = (lake.table(contract.dataset) for contract in lake.registry.all() if lake.exists(contract.dataset))
    return {
        name.removeprefix(names.PIN)
        for table in tables
        for name in table.metadata.refs
        if name.startswith(names.PIN) and name not in pins.ended(table, now)
    }
