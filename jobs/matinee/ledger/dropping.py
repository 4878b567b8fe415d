"""Dropping days: one commit removes their files from `main` and records the first day that is left.

The same commit sets a table property to that day. So no reader misses rows that it should see, and a process that dies
leaves nothing to finish. A publication meets the commit through its requirement on `main`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract
from matinee.days import instant_of_millis
from matinee.table import refs
from matinee.table.commits import replace_files
from matinee.table.files import LANDING_SEQ, data_files, landing_seq

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: A property of a table: the first day that is left of it. Days before it were dropped, and none comes back.
BEGIN = "matinee.begin"
#: In the summary of the commit that dropped days: the first day that it left, and the first that was there until then.
DROPPED = "matinee.dropped-before"
DROPPED_FROM = "matinee.dropped-from"
_ADDED = ("added-data-files", "added-delete-files")


def begin_of(table: "Table") -> date | None:
    """Return the first day that is left of a table whose days were dropped; None where no day was."""
    begin = table.properties.get(BEGIN)
    return date.fromisoformat(begin) if begin else None


def is_drop(summary: Mapping[str, str]) -> bool:
    """Whether a commit dropped days, and did nothing else."""
    return DROPPED in summary and not any(int(summary.get(name, "0")) for name in _ADDED)


@dataclass(frozen=True)
class Dropped:
    """A commit that dropped the days from `first` on, before `before`; `first` is None where that is not known."""

    at: datetime
    first: date | None
    before: date
    rows: int

    def has(self, day: date) -> bool:
        """Whether this commit dropped the day."""
        return self.first is not None and self.first <= day < self.before


def drops(table: "Table") -> Iterator[Dropped]:
    """Yield the commits that dropped days, newest first; expired commits are not known any more."""
    for snapshot in refs.line(table):
        summary = refs.properties_of(snapshot)
        if is_drop(summary):
            at = instant_of_millis(snapshot.timestamp_ms)
            first = date.fromisoformat(summary[DROPPED_FROM]) if DROPPED_FROM in summary else None
            before = date.fromisoformat(summary[DROPPED])
            yield Dropped(at, first, before, int(summary.get("deleted-records", "0")))


def drop_before(table: "Table", contract: Contract, first: date) -> None:
    """Remove the files of all days before `first` from `main`, where the dataset then begins; no file is rewritten.

    Args:
        table: as the caller loaded it.
        contract: of its dataset, which is kept by day.
        first: the first day that stays; a table that begins later keeps its beginning.

    Raises:
        CommitConflictError: `main` is not what the caller saw; nothing was changed.
    """
    column = contract.day_column or ""
    begin = begin_of(table)
    begins = {BEGIN: max(first, begin or first).isoformat()}
    if "landing_seq" in contract.column_names:
        # Where every landing has expired, the files tell the highest number: the dropped files may have it.
        begins[LANDING_SEQ] = str(landing_seq(table))
    gone = list(data_files(table, column, last=date.fromordinal(first.toordinal() - 1)))
    said = {DROPPED: first.isoformat(), DROPPED_FROM: (begin or date.min).isoformat()}
    replace_files(table, refs.MAIN, gone, [], said, table_properties=begins)
