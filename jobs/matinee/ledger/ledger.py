"""The ledger `ops.publications`: appended to, never rewritten; `main`'s ancestry decides what is published.

A row says what was prepared, published, abandoned or withdrawn. **Published means that a snapshot with the
publication's id is in `main`'s ancestry**, so a reader completes the rows with the table's own history: a process that
dies between moving `main` and recording it leaves nothing to disagree about.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from matinee.ledger.dropping import begin_of
from matinee.ledger.latest import LEDGER, Latest, Recorded, latest
from matinee.ledger.model import PUBLICATION_ID, REACHED, RUN, Publication, State, Withdrawal
from matinee.ledger.notes import Note, Read
from matinee.ledger.rows import to_row
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import append_rows, stamp

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class History:
    """The publications of one dataset, by day, oldest first; each with the last state that is known.

    What columns tell of all of them is in `notes`; the rest of a publication is read when it is asked for.

    Attributes:
        dataset: whose publications.
        rows: the rows of the ledger, as written.
        on_main: what `main`'s ancestry adds to them.
        begin: the first day that is left, where days were dropped: the ledger still knows what those were.
    """

    dataset: str
    rows: Latest
    on_main: "OnMain"
    begin: date | None = None
    _read: dict[int, Publication] = field(default_factory=dict, compare=False)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What columns tell of each record, with the last state that is known; in no order."""
        return tuple(
            Note.of(self._publication(position)) if self.on_main.changes(note) else note
            for position, note in enumerate(self.rows.notes)
        )

    @cached_property
    def notes_by_day(self) -> Mapping[date, tuple[Note, ...]]:
        """What columns tell of the records of each day, oldest first."""
        return {day: tuple(self.notes[one] for one in positions) for day, positions in self._positions.items()}

    @cached_property
    def newest_notes(self) -> Mapping[date, Note]:
        """What columns tell of each day's newest publication, of days that have one."""
        return {day: self.notes[position] for day, position in self._newest.items()}

    @cached_property
    def reads(self) -> Mapping[date, Sequence[Read]]:
        """What each day's newest publication read as valid."""
        found: dict[date, list[Read]] = {day: [] for day in self._newest}
        newest = {position: found[day] for day, position in self._newest.items()}
        for position, read in self.rows.pinned:
            if position in newest:
                newest[position].append(read)
        return found

    @cached_property
    def by_day(self) -> Mapping[date, tuple[Publication, ...]]:
        """The records of each day; those of a day are read when it is asked for."""
        return _Days(self._positions, self._publication)

    def newest(self, day: date) -> Publication | None:
        """Return the day's newest publication that reached `main` (perhaps withdrawn since), if any did."""
        position = self._newest.get(day)
        return None if position is None else self._publication(position)

    def of(self, note: Note) -> Publication:
        """Return the record that a note of this history tells of."""
        [found] = (one for one in self._positions[note.day] if self.notes[one].publication_id == note.publication_id)
        return self._publication(found)

    def open(self) -> tuple[Publication, ...]:
        """Return what is prepared, neither published nor abandoned."""
        return self.where(lambda note: note.state is State.PREPARED)

    def find(self, identity: str) -> tuple[Publication, ...]:
        """Return the days of one publication."""
        return self.where(lambda note: note.publication_id == identity)

    def prepared(self, identity: str) -> Publication | None:
        """Return what was last recorded of a publication: its run, and the snapshot that was audited."""
        return max(self.find(identity), key=_newness, default=None)

    def all(self) -> tuple[Publication, ...]:
        """Return every record, by day, then by age."""
        return self.where(lambda _: True)

    def where(self, wanted: Callable[[Note], bool]) -> tuple[Publication, ...]:
        """Return the records of which the notes are wanted, by day, then by age; no other is read."""
        every = (position for positions in self._positions.values() for position in positions)
        return tuple(self._publication(position) for position in every if wanted(self.notes[position]))

    @cached_property
    def _positions(self) -> Mapping[date, list[int]]:
        found: dict[date, list[int]] = defaultdict(list)
        for position in sorted(range(len(self.notes)), key=lambda one: (self.notes[one].day, self.notes[one].age)):
            found[self.notes[position].day].append(position)
        return dict(found)

    @cached_property
    def _newest(self) -> Mapping[date, int]:
        def sequence(position: int) -> int:
            return self.notes[position].head_sequence_number or 0

        reached = (
            (day, [position for position in positions if self.notes[position].state in REACHED])
            for day, positions in self._positions.items()
        )
        return {day: max(positions, key=sequence) for day, positions in reached if positions}

    def _publication(self, position: int) -> Publication:
        if position not in self._read:
            self._read[position] = self.on_main.completed(self.rows.publication(position))
        return self._read[position]


def record(lake: Lake, publications: Iterable[Publication]) -> None:
    """Append the rows of one event (all its days together) in one commit."""
    append_rows(lake, LEDGER, map(to_row, publications))


def noted_after(known: Iterable[Publication]) -> datetime:
    """Return the time for a record that follows others: now, or just after them where another clock is ahead of ours.

    What was recorded last of an attempt holds, on whichever machines its tries ran.
    """
    return max([stamp(), *(one.recorded_ts + timedelta(microseconds=1) for one in known)])


def history(lake: Lake, dataset: str) -> History:
    """Return what is known of a dataset's publications: the ledger's rows completed by `main`'s ancestry."""
    rows = latest(lake, dataset)
    table = lake.table(dataset) if lake.exists(dataset) else None
    return History(dataset, rows, OnMain.of(table) if table else OnMain(), begin_of(table) if table else None)


def recorded(lake: Lake, dataset: str) -> Recorded:
    """Return the last row that stands in the ledger for each (publication id, day), as written."""
    return Recorded(latest(lake, dataset))


class _Days(Mapping[date, tuple[Publication, ...]]):
    def __init__(self, positions: Mapping[date, list[int]], read: Callable[[int], Publication]) -> None:
        self._positions, self._read = positions, read

    def __getitem__(self, day: date) -> tuple[Publication, ...]:
        return tuple(map(self._read, self._positions[day]))

    def __contains__(self, day: object) -> bool:
        return day in self._positions

    def __iter__(self) -> Iterator[date]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)


@dataclass(frozen=True)
class _Head:
    """A publication in `main`'s ancestry: its snapshot, and the run that is stored there."""

    snapshot_id: int
    sequence_number: int
    committed: datetime
    run: str

    def covers(self, day: date) -> bool:
        """Whether it published the day: an attempt that was made again may have left days that it no longer has."""
        run = json.loads(self.run)
        return date.fromisoformat(run["first_day"]) <= day <= date.fromisoformat(run["last_day"])


@dataclass(frozen=True)
class OnMain:
    """What `main`'s ancestry says: its publications by id, and the withdrawals by publication and day."""

    heads: Mapping[str, _Head] = field(default_factory=dict)
    withdrawn: Mapping[tuple[str, date], Withdrawal] = field(default_factory=dict)

    @classmethod
    def of(cls, table: "Table") -> "OnMain":
        """Read it from a table's metadata."""
        # PyIceberg looks for a snapshot among all of them.
        kept = {snapshot.snapshot_id: snapshot for snapshot in table.metadata.snapshots}
        found, withdrawn = dict[str, _Head](), dict[tuple[str, date], Withdrawal]()
        for snapshot_id, summary in refs.summaries(table):
            snapshot = kept[snapshot_id]
            committed = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)
            word = Withdrawal.from_summary(summary, committed)
            if word is not None:
                withdrawn[word.publication_id, word.day] = word
            elif identity := summary.get(PUBLICATION_ID):
                found[identity] = _Head(snapshot_id, snapshot.sequence_number or 0, committed, summary[RUN])
        return cls(found, withdrawn)

    def changes(self, note: Note) -> bool:
        """Whether it may know more of a record than the ledger does."""
        if note.state not in REACHED and note.publication_id in self.heads:
            return True
        return note.state is not State.WITHDRAWN and (note.publication_id, note.day) in self.withdrawn

    def completed(self, known: Publication) -> Publication:
        """Return a record with the last state that is known."""
        head, word = self.heads.get(known.publication_id), self.withdrawn.get((known.publication_id, known.day))
        if head is not None and known.state not in REACHED and head.covers(known.day):
            known = known.as_published(head.snapshot_id, head.sequence_number, head.committed)
        return word.record(known) if word and known.state is State.PUBLISHED else known


def _newness(publication: Publication) -> tuple[bool, datetime, bool]:
    # Days that a publication has given up stand beside those that it has.
    return publication.state in REACHED, publication.recorded_ts, publication.state is not State.ABANDONED
