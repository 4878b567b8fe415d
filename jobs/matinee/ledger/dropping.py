"""Dropping days: their files leave `main` in one commit, which says with which day the dataset begins from then on.

The day stands in a property of the table that the same commit sets. Nobody sees rows gone that are owed, and nothing
has to be finished where a process dies. Whoever publishes meets the commit through its requirement on `main`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract
from matinee.table import refs
from matinee.table.commits import replace_files
from matinee.table.files import LANDING_SEQ, data_files, landing_seq

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: A property of a table: the first day that is left of it. Days before it were dropped, and none comes back.
BEGIN = "matinee.begin"
#: In the summary of the commit that dropped days.
DROPPED = "matinee.dropped-before"
_ADDED = ("added-data-files", "added-delete-files")


def begin_of(table: "Table") -> date | None:
    """Return the first day that is left of a table of which days were dropped; None where none was."""
    found = table.properties.get(BEGIN)
    return date.fromisoformat(found) if found else None


def is_drop(summary: Mapping[str, str]) -> bool:
    """Whether a commit dropped days, and did nothing else."""
    return DROPPED in summary and not any(int(summary.get(name, "0")) for name in _ADDED)


def last_drop(table: "Table") -> tuple[datetime, int] | None:
    """Return when days were dropped last, and how many rows went; None where that commit has expired, or never was."""
    for snapshot_id, summary in refs.summaries(table):
        snapshot = table.metadata.snapshot_by_id(snapshot_id)
        if is_drop(summary) and snapshot is not None:
            at = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)
            return at, int(summary.get("deleted-records", "0"))
    return None


def drop_before(table: "Table", contract: Contract, first: date) -> None:
    """Remove the files of all days before one from `main`, and let the dataset begin with it; no file is rewritten.

    Args:
        table: as the caller has looked at it.
        contract: of its dataset, which is kept by day.
        first: the first day that stays; a table that begins later keeps its beginning.

    Raises:
        CommitConflictError: `main` is not what the caller saw; nothing was changed.
    """
    column = contract.day_column or ""
    begins = {BEGIN: max(first, begin_of(table) or first).isoformat()}
    if "landing_seq" in contract.column_names:
        # Where every landing has expired the files tell the highest number: those that go may have had it.
        begins[LANDING_SEQ] = str(landing_seq(table))
    gone = list(data_files(table, column, last=date.fromordinal(first.toordinal() - 1)))
    replace_files(table, refs.MAIN, gone, [], {DROPPED: first.isoformat()}, table_properties=begins)
