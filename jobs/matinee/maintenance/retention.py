"""Retention: which snapshots a table still needs, decided from the ledger; expiry itself changes metadata only.

A published snapshot is needed while its publication is retained: the contract says how many publications of a day, and
for how long. The snapshots that retained publications and open runs have pinned are needed, too. Before a run has
written, its tags hold what it reads, until they end. All snapshots from the oldest base of an open branch on are
needed: a replay walks from there to the head of `main`, and a heal compares along the same way.

A snapshot that was the head of `main` within the contract's time is needed, however old it is: readers and runs that
began then still read it. For raw tables that time is an hour, as runs pin what they read. Snapshots that a stream
wrote, thousands a day, stay for an hour only; the newest commit that says how far a stream came stays while it is the
newest. Snapshots of registers (`ops.*`) stay for an hour, too: all that they record stands in their rows. In the
quarantine, a tag keeps a landing whose other rows are still to come: a landing is known by its snapshot, and its file
may never come again.

Register files that no other snapshot knows are deleted with the snapshot; such files of other tables are deleted with
the orphan files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from matinee import faults
from matinee.contracts.model import Contract
from matinee.landing.batches import unfinished
from matinee.landing.model import QUARANTINE
from matinee.ledger.ledger import history
from matinee.ledger.model import REACHED, Publication, Run, State
from matinee.ledger.open_branches import open_work
from matinee.ledger.pins import ended
from matinee.table import markers, names, refs
from matinee.table.catalog import Lake
from matinee.table.registers import unread
from matinee.table.removal import remove_snapshots, remove_with_files

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: How long a snapshot of a stream is kept for its readers, once it is not the newest any more.
STREAMED = timedelta(hours=1)


@dataclass(frozen=True)
class Expiry:
    """What one table no longer needs: snapshots by id, tags of publications that are no longer retained, ended pins.

    `markers` stay: they say how far a stream came. `begun` are landings, by tag, whose other rows are still to come.
    """

    dataset: str
    snapshot_ids: tuple[int, ...]
    tags: tuple[str, ...]
    markers: Mapping[str, int] = field(default_factory=dict)
    begun: Mapping[str, int] = field(default_factory=dict)


def plan_expiry(lake: Lake, dataset: str, now: datetime) -> Expiry:
    """Return what a table no longer needs at `now`.

    Raises:
        ContractError: a contract cannot be used: its dataset may read the table, and need what would go.
        EnvironmentNotReadyError: the system that wrote some of its commits is not installed.
    """
    lake.registry.require_all(f"Nothing of {dataset} expires, as not all of its readers are known")
    table = lake.table(dataset)
    markers.refuse_unknown(table)
    contract = lake.registry.get(dataset)
    if _keeps_books(contract):
        return Expiry(dataset, unread(table, now), ())
    keep_tags = {f"{names.PUBLICATION}{kept.publication_id}" for kept in retained(lake, dataset, now)}
    published = (name for name in table.metadata.refs if name.startswith(names.PUBLICATION))
    begun = {landing.tag: landing.snapshot_id for landing in unfinished(lake)} if dataset == QUARANTINE else {}
    done = (name for name in table.metadata.refs if name.startswith(names.BEGUN) and name not in begun)
    tags = (*sorted(name for name in published if name not in keep_tags), *ended(table, now), *sorted(done))
    needed = {ref.snapshot_id for name, ref in table.metadata.refs.items() if name not in tags}
    needed |= _pinned(lake, dataset, now)
    streamed, newest = _streamed(table)
    needed |= {*newest.values(), *begun.values()}
    brief = (now - STREAMED).timestamp() * 1000
    horizon = min(brief, (now - contract.retain).timestamp() * 1000)
    last_read, floor = refs.last_read_ms(table), _oldest_walked(lake, dataset, table)
    ids = tuple(
        snapshot.snapshot_id
        for snapshot in table.metadata.snapshots
        if snapshot.snapshot_id not in needed
        and last_read.get(snapshot.snapshot_id, snapshot.timestamp_ms)
        < (brief if snapshot.snapshot_id in streamed else horizon)
        and (floor is None or (snapshot.sequence_number or 0) < floor)
    )
    return Expiry(dataset, ids, tags, newest, begun)


def expire(lake: Lake, expiry: Expiry) -> None:
    """Remove tags, then snapshots, from the table's metadata.

    Raises:
        CommitConflictError: others committed first in each of many tries, or another process expires the same table.
    """
    table = lake.table(expiry.dataset)
    for tag in expiry.tags:
        refs.let_go(table, tag)  # Another expiry may have removed the tag; a tag that was moved stays.
        table = lake.table(expiry.dataset)
    table = markers.keep(table, expiry.markers)
    for tag, snapshot_id in expiry.begun.items():
        if refs.reference(table, tag) is None:
            table = refs.create_tag(table, tag, snapshot_id)
    faults.reach("expire.after_tags")
    is_register = _keeps_books(lake.registry.get(expiry.dataset))
    (remove_with_files if is_register else remove_snapshots)(lake, expiry.dataset, expiry.snapshot_ids)


def _keeps_books(contract: Contract) -> bool:
    """Whether all that a table records stands in its rows; a landing that was cut off needs commits of quarantine."""
    return contract.kind == "register" and contract.dataset != QUARANTINE


def retained(lake: Lake, dataset: str, now: datetime) -> Iterator[Publication]:
    """Yield the publications of a dataset that are kept at `now`, and those that are still open."""
    contract = lake.registry.get(dataset)
    if contract.transform is None:
        return
    horizon = now - contract.retain
    published = history(lake, dataset)
    for day in published.days_since(horizon):
        notes = published.notes_by_day[day]
        reached = [note for note in notes if note.state in REACHED]
        reached.sort(key=lambda note: note.head_sequence_number or 0, reverse=True)
        kept = [note for note in reached[: contract.retain_publications] if note.recorded_ts >= horizon]
        yield from map(published.of, [*kept, *(note for note in notes if note.state is State.PREPARED)])


def _pinned(lake: Lake, dataset: str, now: datetime) -> set[int]:
    return {
        pin.snapshot_id
        for contract in lake.registry.all()
        if any(spec.dataset == dataset for spec in contract.inputs)
        for run in _kept_runs(lake, contract.dataset, now)
        for pin in run.pins
        if pin.dataset == dataset
    }


def _kept_runs(lake: Lake, dataset: str, now: datetime) -> Iterator[Run]:
    yield from (kept.run for kept in retained(lake, dataset, now))
    if lake.exists(dataset):
        yield from (work.run for work in open_work(lake, dataset) if work.run is not None)


def _streamed(table: "Table") -> tuple[set[int], dict[str, int]]:
    """Return the snapshots of `main` that a stream wrote, rewrites of them included, and its newest markers by name."""
    from pyiceberg.table.snapshots import Operation

    snapshot_ids, markers_of = set[int](), dict[str, int]()
    for snapshot in refs.line(table):
        name = markers.name_in(refs.properties_of(snapshot))
        if name is not None or refs.operation_of(snapshot) == Operation.REPLACE:
            snapshot_ids.add(snapshot.snapshot_id)
        if name is not None:
            markers_of.setdefault(name, snapshot.snapshot_id)
    return (snapshot_ids, markers_of) if markers_of else (set(), {})


def _oldest_walked(lake: Lake, dataset: str, table: "Table") -> int | None:
    """Return the sequence number of the oldest snapshot from which a walk to `main`'s head may still begin."""
    bases = {work.base for work in open_work(lake, dataset) if work.base is not None}
    snapshots = (table.metadata.snapshot_by_id(base) for base in bases)
    return min((snapshot.sequence_number or 0 for snapshot in snapshots if snapshot), default=None)
