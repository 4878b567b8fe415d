"""What holds for every reader at every moment: nothing lost, doubled, invented, unaudited, and no validity ahead."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from matinee.ledger.compactions import proven
from matinee.ledger.model import PUBLICATION_ID, Publication
from matinee.table.catalog import Lake, summary_of
from matinee.table.snapshots import added_files, changed_files

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: In the order of the summary; `unsettled` and `recomputed` are asked once, at the end.
INVARIANTS = ("lost", "doubled", "invented", "unaudited", "ahead", "fallen", "unaccounted", "unsettled", "recomputed")
#: The keys of each day and how often each is there.
Keys = dict[date, Counter[str]]


@dataclass(frozen=True)
class Violation:
    """An invariant that did not hold."""

    invariant: str
    dataset: str
    detail: str


def doubled(dataset: str, keys: Keys) -> Iterator[Violation]:
    """Yield the days that have a key more than once."""
    for day, counts in sorted(keys.items()):
        twice = [key for key, rows in counts.items() if rows > 1]
        if twice:
            yield Violation("doubled", dataset, f"{day}: {_some(twice)}")


def differing(
    dataset: str, day: date, expected: Collection[str], present: Collection[str], source: str
) -> Iterator[Violation]:
    """Yield the keys that a day lacks, and those that it should not have."""
    lost, more = set(expected) - set(present), set(present) - set(expected)
    if lost:
        yield Violation("lost", dataset, f"{day} lacks {_some(lost)} of {source}")
    if more:
        yield Violation("invented", dataset, f"{day} has {_some(more)}, not of {source}")


def landed_otherwise(
    dataset: str, number: int, lines: Counter[tuple[date, str]], rows: Counter[tuple[date, str]]
) -> Iterator[Violation]:
    """Yield how the rows of a landing differ from the good lines of its file, each counted."""
    if lines - rows:
        yield Violation("lost", dataset, f"landing {number} lacks {_some(key for _, key in lines - rows)}")
    if rows - lines:
        yield Violation("doubled", dataset, f"landing {number} has more of {_some(key for _, key in rows - lines)}")


def why_unaudited(lake: Lake, table: "Table", snapshot_id: int, notes: Collection[Publication]) -> str | None:
    """Return why readers should not see a snapshot of `main`; None where it is as it must be.

    A publication has passed its audits as the ledger has it, and its snapshot holds the files that were audited: it is
    that snapshot, or a replay that added the same files. An audited snapshot that has expired is trusted.

    Args:
        lake: the lake.
        table: the table, as it was read.
        snapshot_id: of `main`'s ancestry.
        notes: what the ledger says of the snapshot's publication, loaded after the table.
    """
    if PUBLICATION_ID not in summary_of(table, snapshot_id):
        known = not changed_files(table, snapshot_id) or bool(proven(lake, table, [snapshot_id]))
        return None if known else "is no publication and no proven compaction"
    if not notes:
        return "is not in the ledger"
    if any(not note.verdicts or any(verdict.blocks for verdict in note.verdicts) for note in notes):
        return "has not passed its audits"
    audited = next(iter(notes)).audited_snapshot_id
    if audited is None or table.metadata.snapshot_by_id(audited) is None:
        return None
    ours, theirs = ({file.file_path for file in added_files(table, added_by)} for added_by in (snapshot_id, audited))
    return None if ours == theirs else f"has other files than {audited}, which was audited"


def _some(listed: Iterable[str]) -> str:
    keys = sorted(set(listed))
    return f"{len(keys)} ({', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})"
