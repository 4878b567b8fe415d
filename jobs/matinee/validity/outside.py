"""Changes of published days outside the protocol, by metadata alone.

Only publications may change the rows of a published dataset. Where a day has another number of rows than its newest
publication wrote, or a commit on `main` belongs to no publication, another writer has changed rows without an audit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from matinee.ledger.compactions import proven
from matinee.ledger.dropping import begin_of, is_drop
from matinee.ledger.ledger import History, history
from matinee.ledger.model import PUBLICATION_ID, REACHED, Publication
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import DaySize, day_sizes, file_day
from matinee.table.snapshots import changed_files

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

_CHANGES = ("added-data-files", "deleted-data-files", "added-delete-files")


@dataclass(frozen=True)
class OutsideChange:
    """A published day that something other than a publication has changed.

    `snapshot_id` is None where the commit is not known; `set_back` says that `main` does not hold the day's newest
    publication any more, however many rows it has.
    """

    rows: int
    newest: Publication
    snapshot_id: int | None
    set_back: bool = False

    @property
    def kind(self) -> str:
        """Return `set_back`, `thinned` where the day has lost rows, else `tampered`."""
        if self.set_back:
            return "set_back"
        return "thinned" if self.rows < self.newest.rows.out else "tampered"

    @property
    def words(self) -> str:
        """Return both counts, and the commit where it is known."""
        if self.set_back:
            head = self.newest.head_snapshot_id
            return f"set back: main does not hold {self.newest.publication_id} (snapshot {head}) any more"
        cause = f"; snapshot {self.snapshot_id} is neither a publication nor a proven compaction"
        commit = cause if self.snapshot_id else ""
        return (
            f"{self.kind}: main holds {self.rows} rows, "
            f"{self.newest.publication_id} wrote {self.newest.rows.out}{commit}"
        )


def changed_outside(lake: Lake, published: History) -> dict[date, OutsideChange]:
    """Return the published days of a dataset that were changed by something other than a publication.

    A proven compaction is no change, and dropped days have no changes. Without changes only the table's metadata file
    is read, and the proofs where the table was compacted: no manifest is read.
    """
    import pyarrow.compute as pc

    newest = published.newest_columns
    if newest is None:
        return {}
    table = lake.table(published.dataset)
    if begin := begin_of(table):
        newest = newest.filter(pc.greater_equal(newest["day"], begin))
    line = [*refs.line(table)]
    named = {refs.properties_of(snapshot).get(PUBLICATION_ID, "") for snapshot in line}
    known = _reached(published, named)
    if known < named:
        known = _reached(history(lake.reloaded(), published.dataset), named)
        if known == named:
            return {}  # A publication came between the two looks: the next look has its rows.
    strange = [snapshot for snapshot in line if _is_strange(snapshot, known)]
    rearranged = proven(lake, table, (snapshot.snapshot_id for snapshot in strange))
    strange = [snapshot for snapshot in strange if snapshot.snapshot_id not in rearranged]
    lost = _set_back(line, newest)
    if not lost and not strange and _total_rows(line) == (pc.sum(newest["rows_out"]).as_py() or 0):
        return {}
    day_column = lake.registry.get(published.dataset).day_column or ""
    sizes = day_sizes(table, day_column)
    touched = {day: commit for commit in reversed(strange) for day in _days(table, commit, day_column)}
    changes = {}
    for day in newest["day"].to_pylist():
        note = published.newest_notes[day]
        rows, commit = sizes.get(day, DaySize()).rows, touched.get(day)
        if commit is not None and any(_replaces(publication, commit) for publication in published.by_day[day]):
            commit = None  # The whole day was published again since.
        if day in lost or commit is not None or rows != note.out:
            snapshot_id = commit.snapshot_id if commit else None
            changes[day] = OutsideChange(rows, published.of(note), snapshot_id, day in lost)
    return changes


def _set_back(line: list["Snapshot"], newest: "pa.Table") -> set[date]:
    """Return the days whose newest publication `main` was set back behind: it is not in `main`'s ancestry.

    A publication that is older than the oldest snapshot of the line is not set back, only expired: before expiry
    removes a snapshot, it records the publications that `main` was set back behind as withdrawn.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    on_main = pa.array([snapshot.snapshot_id for snapshot in line], pa.int64())
    oldest = line[-1].sequence_number or 0 if line else 0
    heads, sequence = newest["head_snapshot_id"], pc.fill_null(newest["head_sequence_number"], 0)
    gone = pc.and_(pc.is_valid(heads), pc.invert(pc.is_in(heads, on_main)))
    return set(newest["day"].filter(pc.and_(gone, pc.greater_equal(sequence, oldest))).to_pylist())


def _reached(published: History, named: set[str]) -> set[str]:
    """Return the publications, of some, that the ledger knows on `main`; an empty text stands for none."""
    return {*published.identities(*REACHED, among=named), *({""} & named)}


def _replaces(published: Publication, commit: "Snapshot") -> bool:
    later = (published.head_sequence_number or 0) > (commit.sequence_number or 0)
    return later and published.state in REACHED and published.run.buckets is None


def _is_strange(snapshot: "Snapshot", known: set[str]) -> bool:
    """Whether a commit changed rows and belongs to no publication of the ledger, which has no experiments."""
    summary = refs.properties_of(snapshot)
    if is_drop(summary):
        return False  # If it removed other days as well, their numbers of rows show that.
    named = summary.get(PUBLICATION_ID)
    return (named is None or named not in known) and any(int(summary.get(name, "0")) for name in _CHANGES)


def _total_rows(line: list["Snapshot"]) -> int | None:
    total = refs.properties_of(line[0]).get("total-records") if line else None
    return int(total) if total is not None else None


def _days(table: "Table", snapshot: "Snapshot", day_column: str) -> Iterator[date]:
    for file in changed_files(table, snapshot.snapshot_id):
        yield file_day(table, file, day_column)
