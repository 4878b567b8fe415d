"""The ledger `ops.publications`: appended to, never rewritten; `main`'s ancestry decides what is published.

A row says what was prepared, published, abandoned or withdrawn. **Published means that a snapshot with the
publication's id is in `main`'s ancestry**, so a reader completes the rows with the table's own history: a process that
dies between moving `main` and recording it leaves nothing to disagree about.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from matinee.ledger.columns import (
    NOTED,
    PINNED,
    columns_of_notes,
    newest_by_day,
    noted,
    ordered,
    rows_by_day,
)
from matinee.ledger.dropping import begin_of
from matinee.ledger.latest import LEDGER, Latest, Recorded, latest
from matinee.ledger.model import PUBLICATION_ID, REACHED, RUN, Publication, State, Withdrawal
from matinee.ledger.notes import Note
from matinee.ledger.rows import to_row
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import append_rows, stamp

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

_Number = TypeVar("_Number")
_Found = TypeVar("_Found")
#: Notes that are made together: one alone costs as much as many.
_NEIGHBOURS = 64


@dataclass(frozen=True)
class History:
    """The publications of one dataset, by day, oldest first; each with the last state that is known.

    What columns tell of all of them is in `notes`; the rest of a publication is read when it is asked for.

    Attributes:
        dataset: whose publications.
        rows: the rows of the ledger, as written.
        on_main: what `main`'s ancestry adds to them.
        begin: the first day that is left, where days were dropped: the ledger still knows what those were.
        table: the table whose `main` was looked at, after the ledger; None where it was not made.
    """

    dataset: str
    rows: Latest
    on_main: "OnMain"
    begin: date | None = None
    table: "Table | None" = field(default=None, repr=False, compare=False)
    _read: dict[int, Publication] = field(default_factory=dict, compare=False)
    _notes: dict[int, Sequence[Note]] = field(default_factory=dict, compare=False)

    @cached_property
    def columns(self) -> "pa.Table | None":
        """The columns of notes, with the last state that is known, and what was read; by day, then by age.

        None where there is no record.
        """
        return None if self._known is None else self._known.take(self._order)

    @cached_property
    def newest_columns(self) -> "pa.Table | None":
        """The columns of each day's newest publication, by day; None where no day has one."""
        return self.columns.take([*self._newest.values()]) if self.columns is not None and self._newest else None

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What columns tell of each record, with the last state that is known; by day, then by age."""
        return () if self.columns is None else noted(self.columns)

    @cached_property
    def recorded(self) -> tuple[Note, ...]:
        """What the ledger alone tells of each record, in the order of `notes`."""
        return () if self.rows.columns is None else noted(self.rows.columns.take(self._order))

    @cached_property
    def notes_by_day(self) -> Mapping[date, tuple[Note, ...]]:
        """What columns tell of the records of each day, oldest first."""
        return {day: tuple(self.notes[one] for one in numbers) for day, numbers in self._by_day.items()}

    @cached_property
    def newest_notes(self) -> Mapping[date, Note]:
        """What columns tell of each day's newest publication, of days that have one."""
        return _Lazy(self._newest, self._note)

    @cached_property
    def by_day(self) -> Mapping[date, tuple[Publication, ...]]:
        """The records of each day, oldest first; those of a day are read when it is asked for."""
        return _Lazy(self._by_day, lambda numbers: tuple(map(self._record, numbers)))

    def newest(self, day: date) -> Publication | None:
        """Return the day's newest publication that reached `main` (perhaps withdrawn since), if any did."""
        number = self._newest.get(day)
        return None if number is None else self._record(number)

    def of(self, note: Note) -> Publication:
        """Return the record that a note of this history tells of."""
        [found] = (one for one in self._by_day[note.day] if self._note(one).publication_id == note.publication_id)
        return self._record(found)

    def open(self) -> tuple[Publication, ...]:
        """Return what is prepared, neither published nor abandoned."""
        return self._with("state", State.PREPARED)

    def find(self, identity: str) -> tuple[Publication, ...]:
        """Return the days of one publication."""
        return self._with("publication_id", identity)

    def prepared(self, identity: str) -> Publication | None:
        """Return what was last recorded of a publication: its run, and the snapshot that was audited."""
        return max(self.find(identity), key=_newness, default=None)

    def identities(self, *states: State) -> set[str]:
        """Return the publications that have records in some states."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.columns is None:
            return set()
        found = self.columns.filter(pc.is_in(self.columns["state"], pa.array(states, pa.string())))
        return set(found["publication_id"].to_pylist())

    def all(self) -> tuple[Publication, ...]:
        """Return every record, by day, then by age."""
        return tuple(self._record(number) for numbers in self._by_day.values() for number in numbers)

    def _with(self, name: str, value: str) -> tuple[Publication, ...]:
        """Return the records of which a column has a value, by day, then by age; no other is read."""
        import pyarrow.compute as pc

        if self.columns is None:
            return ()
        return tuple(map(self._record, pc.indices_nonzero(pc.equal(self.columns[name], value)).to_pylist()))

    @cached_property
    def _known(self) -> "pa.Table | None":
        """The columns in the order of the rows."""
        known = self.rows.columns
        changed = [] if known is None else self.on_main.changed(known)
        if known is None or not changed:
            return known
        import pyarrow as pa

        completed = columns_of_notes(Note.of(self._publication(position)) for position in changed)
        places = {position: len(known) + number for number, position in enumerate(changed)}
        every = pa.concat_tables([known.select(NOTED), completed])
        found = every.take([places.get(position, position) for position in range(len(known))])
        return found.append_column(PINNED, known[PINNED])

    @cached_property
    def _order(self) -> Sequence[int]:
        """The position of each record among the rows."""
        return [] if self._known is None else ordered(self._known).to_pylist()

    @cached_property
    def _by_day(self) -> Mapping[date, range]:
        return {} if self.columns is None else rows_by_day(self.columns)

    @cached_property
    def _newest(self) -> Mapping[date, int]:
        return {} if self.columns is None else newest_by_day(self.columns)

    def _note(self, number: int) -> Note:
        """Return a note; those beside it are made as well."""
        part, offset = divmod(number, _NEIGHBOURS)
        if part not in self._notes:
            assert self.columns is not None  # noqa: S101 - it has a record
            self._notes[part] = noted(self.columns.slice(part * _NEIGHBOURS, _NEIGHBOURS))
        return self._notes[part][offset]

    def _record(self, number: int) -> Publication:
        return self._publication(self._order[number])

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
    if table is None:
        return History(dataset, rows, OnMain())
    return History(dataset, rows, OnMain.of(table), begin_of(table), table)


def recorded(lake: Lake, dataset: str) -> Recorded:
    """Return the last row that stands in the ledger for each (publication id, day), as written."""
    return Recorded(latest(lake, dataset))


class _Lazy(Mapping[date, _Found], Generic[_Number, _Found]):
    """By day, what is read when it is asked for."""

    def __init__(self, numbers: Mapping[date, _Number], read: Callable[[_Number], _Found]) -> None:
        self._numbers, self._read = numbers, read

    def __getitem__(self, day: date) -> _Found:
        return self._read(self._numbers[day])

    def __contains__(self, day: object) -> bool:
        return day in self._numbers

    def __iter__(self) -> Iterator[date]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


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

    def changed(self, columns: "pa.Table") -> list[int]:
        """Return the rows of which it may know more than the ledger does."""
        import pyarrow as pa
        import pyarrow.compute as pc

        def among(name: str, values: Iterable[str]) -> "pa.ChunkedArray":
            return pc.is_in(columns[name], pa.array(values, pa.string()))

        found = pc.and_(pc.invert(among("state", REACHED)), among("publication_id", self.heads))
        if self.withdrawn:
            words = among("publication_id", {identity for identity, _ in self.withdrawn})
            found = pc.or_(found, pc.and_(pc.invert(among("state", [State.WITHDRAWN])), words))
        return [int(position) for position in pc.indices_nonzero(found).to_pylist()]

    def completed(self, known: Publication) -> Publication:
        """Return a record with the last state that is known."""
        head, word = self.heads.get(known.publication_id), self.withdrawn.get((known.publication_id, known.day))
        if head is not None and known.state not in REACHED and head.covers(known.day):
            known = known.as_published(head.snapshot_id, head.sequence_number, head.committed)
        return word.record(known) if word and known.state is State.PUBLISHED else known


def _newness(publication: Publication) -> tuple[bool, datetime, bool]:
    # Days that a publication has given up stand beside those that it has.
    return publication.state in REACHED, publication.recorded_ts, publication.state is not State.ABANDONED
