"""Retention: which snapshots a table still needs, decided from the ledger; expiry itself touches metadata only.

A published snapshot is needed while its publication is retained (the contract's number of publications a day, for so
many days). What retained and open publications pinned is needed with them. Nothing after the oldest base of an open
branch goes, because a replay walks from there to `main`'s head. Data files that no snapshot knows any more are left to
the removal of orphan files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from matinee.lake import refs
from matinee.lake.catalog import Lake
from matinee.lake.ledger import history
from matinee.lake.publication import Publication, State

if TYPE_CHECKING:
    from pyiceberg.table import Table

TAG = "pub_"
WORKING = ("replay_", "landing_", "compact_")


@dataclass(frozen=True)
class Expiry:
    """What can go from one table: snapshots by id, and tags of publications that are no longer retained."""

    dataset: str
    snapshot_ids: tuple[int, ...]
    tags: tuple[str, ...]


def plan_expiry(lake: Lake, dataset: str, now: datetime) -> Expiry:
    """Return what a table no longer needs at `now`."""
    table = lake.table(dataset)
    contract = lake.registry.get(dataset)
    keep_tags = {f"{TAG}{kept.publication_id}" for kept in retained(lake, dataset, now)}
    tags = tuple(sorted(name for name in table.metadata.refs if name.startswith(TAG) and name not in keep_tags))
    needed = {ref.snapshot_id for name, ref in table.metadata.refs.items() if name not in tags} | _pinned(
        lake, dataset, now
    )
    horizon = now - timedelta(days=contract.retain_days)
    floor = _oldest_open_base(lake, dataset, table)
    ids = tuple(
        snapshot.snapshot_id
        for snapshot in table.metadata.snapshots
        if snapshot.snapshot_id not in needed
        and snapshot.timestamp_ms < horizon.timestamp() * 1000
        and (floor is None or (snapshot.sequence_number or 0) < floor)
    )
    return Expiry(dataset, ids, tags)


def expire(lake: Lake, expiry: Expiry) -> None:
    """Remove tags, then snapshots, from the table's metadata."""
    table = lake.table(expiry.dataset)
    for tag in expiry.tags:
        found = refs.reference(table, tag)
        if found is not None:
            table = refs.remove(table, tag, expected=found)
    if expiry.snapshot_ids:
        table.maintenance.expire_snapshots().by_ids(list(expiry.snapshot_ids)).commit()


def retained(lake: Lake, dataset: str, now: datetime) -> Iterator[Publication]:
    """Yield the publications of a dataset that are kept at `now`, and those that are still open."""
    contract = lake.registry.get(dataset)
    if contract.transform is None:
        return
    horizon = now - timedelta(days=contract.retain_days)
    for records in history(lake, dataset).by_day.values():
        reached = [record for record in records if record.state in (State.PUBLISHED, State.WITHDRAWN)]
        reached.sort(key=lambda record: record.head_sequence_number or 0, reverse=True)
        yield from (kept for kept in reached[: contract.retain_publications] if kept.recorded_ts >= horizon)
        yield from (record for record in records if record.state is State.PREPARED)


def _pinned(lake: Lake, dataset: str, now: datetime) -> set[int]:
    return {
        pin.snapshot_id
        for contract in lake.registry.all()
        if any(spec.dataset == dataset for spec in contract.inputs)
        for kept in retained(lake, contract.dataset, now)
        for pin in kept.run.pins
        if pin.dataset == dataset
    }


def _oldest_open_base(lake: Lake, dataset: str, table: "Table") -> int | None:
    """Return the sequence number of the oldest snapshot from which a walk to `main` may still begin."""
    bases = {ref.snapshot_id for name, ref in table.metadata.refs.items() if name.startswith(WORKING)}
    if lake.registry.get(dataset).transform is not None:
        bases |= {record.run.base_snapshot_id for record in history(lake, dataset).open()}
    snapshots = (table.metadata.snapshot_by_id(base) for base in bases)
    return min((snapshot.sequence_number or 0 for snapshot in snapshots if snapshot), default=None)
