"""Work in progress: the open branches of runs, replays, landings, compactions and swaps, and what they change.

An audit branch is open until its publication is on `main`, or was judged and refused: a refused branch is kept for
inspection. The branch of a run that died looks like a branch at work, until nightly upkeep drops it after a week.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract
from matinee.ledger.ledger import history
from matinee.ledger.model import PUBLICATION_ID, REACHED, Run, State
from matinee.table import names, refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.files import Slice, file_bucket, file_day
from matinee.table.snapshots import changed_files, since

if TYPE_CHECKING:
    from pyiceberg.table import Table

_KEY = re.compile(r"(\d{8})(?:_(\d{8}))?_")


@dataclass(frozen=True)
class Work:
    """A branch that is at work.

    Attributes:
        base: the snapshot of `main` that it came from; None where that snapshot has expired.
        run: the run that was written there; None before.
        touched: the days and buckets that it changes, as far as they are known.
    """

    branch: str
    base: int | None
    run: Run | None
    touched: tuple[Slice, ...]

    def touches(self, day: date, bucket: int | None) -> bool:
        """Whether it changes a cell; `bucket` None is the whole day."""
        return any(
            part.first <= day <= part.last and (part.buckets is None or bucket is None or bucket in part.buckets)
            for part in self.touched
        )


def open_work(lake: Lake, dataset: str) -> Iterator[Work]:
    """Yield the branches of a dataset's table that are at work."""
    contract, table = lake.registry.get(dataset), lake.table(dataset)
    branches = {name: ref.snapshot_id for name, ref in table.metadata.refs.items() if name.startswith(names.WORK)}
    if not branches:
        return  # The usual case: the ledger need not be read.
    on_main = set(refs.ancestry(table))
    closed = _closed(lake, contract)
    for name, snapshot_id in sorted(branches.items()):
        if (name, None) in closed or (name, snapshot_id) in closed:
            continue
        base = next((ancestor for ancestor in refs.ancestry(table, snapshot_id) if ancestor in on_main), None)
        run = _run(table, name, snapshot_id)
        yield Work(name, base, run, tuple(_touched(contract, table, name, snapshot_id, base, run)))


def _closed(lake: Lake, contract: Contract) -> set[tuple[str, int | None]]:
    """Return the closed branches, each with the snapshot at which it is closed; None: at any snapshot."""
    if contract.transform is None:
        return set()
    published = history(lake, contract.dataset)
    kinds = (names.AUDIT, names.REPLAY)
    reached = {(f"{kind}{identity}", None) for identity in published.identities(*REACHED) for kind in kinds}
    # An attempt that was refused may be made again under its name: its branch then is at another snapshot.
    return reached | {(note.branch, note.audited_snapshot_id) for note in published.notes(State.ABANDONED)}


def _run(table: "Table", name: str, snapshot_id: int) -> Run | None:
    summary = summary_of(table, snapshot_id)
    ours = summary.get(PUBLICATION_ID) in {name.removeprefix(names.AUDIT), name.removeprefix(names.REPLAY)}
    return Run.from_summary(summary) if ours else None


def _touched(
    contract: Contract, table: "Table", name: str, snapshot_id: int, base: int | None, run: Run | None
) -> Iterator[Slice]:
    if run is not None:
        yield run.written(snapshot_id)
        return
    if name.startswith(names.AUDIT):
        yield from _named_days(contract, name, snapshot_id)
    commits = since(table, base, snapshot_id) if base is not None else None
    if contract.day_column is None:
        return
    for commit in commits or ():
        for file in changed_files(table, commit):
            day = file_day(table, file, contract.day_column)
            bucket = file_bucket(table, file)
            yield Slice(contract.dataset, snapshot_id, day, day, None if bucket is None else (bucket,))


def _named_days(contract: Contract, name: str, snapshot_id: int) -> Iterator[Slice]:
    """Yield the days of a run that has written nothing yet, from its name; the buckets are not known yet."""
    key = _KEY.match(name.removeprefix(f"{names.AUDIT}{contract.dataset.replace('.', '_')}_"))
    if key is not None:
        first, last = date.fromisoformat(key[1]), date.fromisoformat(key[2] or key[1])
        yield Slice(contract.dataset, snapshot_id, *contract.touched_days(first, last))
