"""References: the only functions that move or make a branch or a tag, each one compare-and-swap.

PyIceberg's transactions keep only the first requirement of each type, so a chain of changes to references can commit
on a stale table and drop another writer's rows. Here each change is one commit whose requirements are written out.
Each function fails with `CommitConflictError` when the reference is not where the caller saw it, and none changes a
table that lies outside the warehouse.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeVar

from matinee.days import instant_of_millis
from matinee.errors import CommitConflictError, SnapshotGoneError, UsageError
from matinee.retries import TRIES
from matinee.table.catalog import catalog_errors
from matinee.table.lake_format import refuse_older
from matinee.table.location import refuse_foreign

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Operation, Snapshot
    from pyiceberg.table.update import AssertRefSnapshotId, TableUpdate

T = TypeVar("T")
MAIN = "main"
COMMIT_TRIES = TRIES


def head(table: "Table", branch: str = MAIN) -> int:
    """Return the snapshot id that the branch points at.

    Raises:
        UsageError: the table has no such reference.
    """
    snapshot_id = reference(table, branch)
    if snapshot_id is None:
        raise UsageError(
            f"{'.'.join(table.name())} has no reference '{branch}'.",
            next_step="List them with `matinee publications list`.",
            facts={"table": ".".join(table.name()), "reference": branch},
        )
    return snapshot_id


def reference(table: "Table", name: str) -> int | None:
    """Return the snapshot id of a branch or tag, or None."""
    ref = table.metadata.refs.get(name)
    return ref.snapshot_id if ref else None


def require(table: "Table", snapshot_id: int) -> None:
    """Refuse to read a snapshot that the table does not have: PyIceberg would read it as a snapshot without files.

    Raises:
        SnapshotGoneError: the snapshot has expired.
    """
    if table.metadata.snapshot_by_id(snapshot_id) is None:
        raise SnapshotGoneError(
            f"Snapshot {snapshot_id} of {'.'.join(table.name())} has expired: nothing can be read there any more.",
            next_step="Run again from the start: a new run pins what is there now.",
            facts={"table": ".".join(table.name()), "snapshot_id": snapshot_id},
        )


def ends(table: "Table", name: str) -> datetime | None:
    """Return the instant until which a tag holds its snapshot; None where the tag states none."""
    ref = table.metadata.refs.get(name)
    snapshot = table.metadata.snapshot_by_id(ref.snapshot_id) if ref else None
    if ref is None or ref.max_ref_age_ms is None or snapshot is None:
        return None
    return instant_of_millis(snapshot.timestamp_ms + ref.max_ref_age_ms)


def ancestry(table: "Table", snapshot_id: int | None = None) -> list[int]:
    """Return the snapshot ids from `snapshot_id` (default: main's head) back to the oldest that is still kept."""
    return [snapshot.snapshot_id for snapshot in line(table, snapshot_id)]


def line(table: "Table", snapshot_id: int | None = None) -> Iterator["Snapshot"]:
    """Yield the snapshots of `ancestry`, newest first; thousands of snapshots are walked once."""
    # PyIceberg's own look-up of a snapshot goes through all snapshots.
    kept: dict[int | None, Snapshot] = {snapshot.snapshot_id: snapshot for snapshot in table.metadata.snapshots}
    current = kept.get(snapshot_id if snapshot_id is not None else reference(table, MAIN))
    while current is not None:
        yield current
        current = kept.get(current.parent_snapshot_id)


def sequence(table: "Table", snapshot_id: int) -> int:
    """Return the sequence number of a snapshot: along `main` it only rises; 0 where the snapshot is gone."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    return (snapshot.sequence_number or 0) if snapshot else 0


def summaries(table: "Table", snapshot_id: int | None = None) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield (snapshot id, summary properties) of `line`."""
    return ((snapshot.snapshot_id, properties_of(snapshot)) for snapshot in line(table, snapshot_id))


def properties_of(snapshot: "Snapshot | None") -> Mapping[str, str]:
    """Return the summary properties of a snapshot; none where it is gone."""
    return snapshot.summary.additional_properties if snapshot and snapshot.summary else {}


def operation_of(snapshot: "Snapshot") -> "Operation | None":
    """Return what a snapshot did to its table; None where it does not say."""
    return snapshot.summary.operation if snapshot.summary else None


def last_read_ms(table: "Table") -> dict[int, int]:
    """Return, for each earlier head of `main`, the time until which it was the head, in milliseconds since 1970."""
    return {before.snapshot_id: after.timestamp_ms for before, after in pairwise(table.metadata.snapshot_log)}


def create_branch(table: "Table", name: str, snapshot_id: int) -> "Table":
    """Make a branch that must not exist yet.

    Raises:
        CommitConflictError: it exists, or the snapshot has expired.
    """
    return _set(table, name, snapshot_id, expected=None, kind="branch")


def create_tag(table: "Table", name: str, snapshot_id: int) -> "Table":
    """Make a tag that must not exist yet.

    Raises:
        CommitConflictError: it exists, or the snapshot has expired.
    """
    return _set(table, name, snapshot_id, expected=None, kind="tag")


def put_tag(table: "Table", name: str, snapshot_id: int, *, until: datetime) -> "Table":
    """Put a tag on a snapshot that the table has, wherever the tag was; the tag states until when it holds.

    Raises:
        CommitConflictError: the tag moved meanwhile, or the snapshot has expired.
    """
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    # Iceberg counts the age of a reference from its snapshot.
    age = int(until.timestamp() * 1000) - snapshot.timestamp_ms if snapshot else 1
    return _set(table, name, snapshot_id, expected=reference(table, name), kind="tag", age_ms=max(age, 1))


def move_branch(table: "Table", name: str, snapshot_id: int, *, expected: int) -> "Table":
    """Point a branch at another snapshot, if it still is where the caller saw it.

    Raises:
        CommitConflictError: it moved meanwhile, or the snapshot has expired.
    """
    return _set(table, name, snapshot_id, expected=expected, kind="branch")


def publish_snapshot(table: "Table", snapshot_id: int, *, expected: int) -> "Table":
    """Move `main` forward to a descendant of its head.

    Raises:
        UsageError: the snapshot is `expected` itself, so nothing would be published, or does not descend from
            `expected`, so the move would drop rows.
        CommitConflictError: `main` moved meanwhile.
    """
    if snapshot_id == expected:
        raise UsageError(
            f"Snapshot {snapshot_id} is main's head already: to move main there would publish nothing.",
            next_step="Write the change to the branch first.",
            facts={"snapshot_id": snapshot_id},
        )
    if expected not in ancestry(table, snapshot_id):
        raise UsageError(
            f"Snapshot {snapshot_id} does not descend from {expected}: moving main there would drop rows.",
            next_step="Replay the change onto main's head first.",
            facts={"snapshot_id": snapshot_id, "expected": expected},
        )
    return _set(table, MAIN, snapshot_id, expected=expected, kind="branch")


def remove(table: "Table", name: str, *, expected: int) -> "Table":
    """Remove a branch or tag, if it still is where the caller saw it.

    Raises:
        CommitConflictError: it moved or went meanwhile.
    """
    from pyiceberg.table.update import AssertRefSnapshotId, RemoveSnapshotRefUpdate

    requirement = AssertRefSnapshotId(ref=name, snapshot_id=expected)
    return _commit(table, name, (RemoveSnapshotRefUpdate(ref_name=name),), requirement)


def drop(table: "Table", name: str) -> "Table":
    """Remove a branch or tag, if it is there.

    Raises:
        CommitConflictError: it moved or went meanwhile.
    """
    snapshot_id = reference(table, name)
    return table if snapshot_id is None else remove(table, name, expected=snapshot_id)


def let_go(table: "Table", name: str) -> None:
    """Remove a branch or tag as `drop` does; leave it alone where another process moves or removes it meanwhile."""
    with suppress(CommitConflictError):
        drop(table, name)


def _set(
    table: "Table",
    name: str,
    snapshot_id: int,
    *,
    expected: int | None,
    kind: Literal["branch", "tag"],
    age_ms: int | None = None,
) -> "Table":
    from pyiceberg.table.refs import SnapshotRefType
    from pyiceberg.table.update import AssertRefSnapshotId, SetSnapshotRefUpdate

    update = SetSnapshotRefUpdate(
        ref_name=name,
        type=SnapshotRefType(kind),
        snapshot_id=snapshot_id,
        max_ref_age_ms=age_ms,
        max_snapshot_age_ms=None,
        min_snapshots_to_keep=None,
    )
    try:
        return _commit(table, name, (update,), AssertRefSnapshotId(ref=name, snapshot_id=expected))
    except ValueError as error:
        # PyIceberg raises this for a snapshot that the table does not have.
        with catalog_errors():
            table.refresh()
        if table.metadata.snapshot_by_id(snapshot_id) is not None:
            raise
        raise CommitConflictError(
            f"Snapshot {snapshot_id} of {'.'.join(table.name())} has expired: '{name}' cannot be put there.",
            next_step="Run again: the work starts from what is there now.",
            facts={"table": ".".join(table.name()), "reference": name, "snapshot_id": snapshot_id},
        ) from error


def _commit(
    table: "Table", name: str, updates: tuple["TableUpdate", ...], requirement: "AssertRefSnapshotId"
) -> "Table":
    from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
    from pyiceberg.table.update import AssertTableUUID

    refuse_foreign(table)
    refuse_older(table.catalog)
    requirements = (requirement, AssertTableUUID(uuid=table.metadata.table_uuid))
    for _ in range(COMMIT_TRIES):
        try:
            with catalog_errors(table.location()):
                # As in PyIceberg's own changes, the oldest metadata files go, and `table` becomes what was committed.
                # A caller that needs later commits loads the table again.
                table._do_commit(updates, requirements)
            return table
        except CommitFailedException as error:
            # A commit to another reference of this table makes this commit fail, too: only a reference that is no
            # longer where the caller saw it is a conflict.
            try:
                moved = reference(table.refresh(), name) != requirement.snapshot_id
            except (ValueError, NoSuchTableError) as other:  # Another table stands in its place, or none does.
                raise _conflict(table, name, other) from other
            if moved:
                raise _conflict(table, name, error) from error
    raise _conflict(table, name, RuntimeError(f"{COMMIT_TRIES} tries lost the race for the table's metadata"))


def _conflict(table: "Table", name: str, cause: Exception) -> CommitConflictError:
    return CommitConflictError(
        f"Reference '{name}' of {'.'.join(table.name())} moved meanwhile: {cause}.",
        next_step="Run again: the work starts from what it is now.",
        facts={"table": ".".join(table.name()), "reference": name},
    )
