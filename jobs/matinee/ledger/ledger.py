"""The ledger `ops.publications`: appended to, never rewritten; `main`'s ancestry decides what is published.

A row says what was prepared, published, abandoned or withdrawn. **Published means that a snapshot with the
publication's id is in `main`'s ancestry**, so a reader completes the rows with the table's own history: a process that
dies between moving `main` and recording it leaves nothing to disagree about.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from matinee.days import MICROSECOND
from matinee.ledger.columns import (
    NOTED,
    PINNED,
    columns_of_notes,
    newest_by_day,
    notes_of,
    ordered,
    rows_by_day,
)
from matinee.ledger.dropping import begin_of
from matinee.ledger.latest import LEDGER, Latest, Recorded, latest
from matinee.ledger.model import REACHED, Publication, State, to_row
from matinee.ledger.notes import Note
from matinee.ledger.on_main import OnMain
from matinee.table.catalog import Lake
from matinee.table.registers import append_rows, stamp

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

_Number = TypeVar("_Number")
_Value = TypeVar("_Value")
#: Notes that are made together: a single note costs as much as many.
_NEIGHBOURS = 64


@dataclass(frozen=True)
class History:
    """The publications of one dataset, by day, oldest first; each with the last state that is known.

    `notes` tells what the columns hold of all publications; the rest of a publication is read on demand.

    Attributes:
        dataset: whose publications.
        rows: the rows of the ledger, as written.
        on_main: what `main`'s ancestry adds to them.
        begin: the first day that is left, where days were dropped: the ledger still knows the dropped days.
        table: the table whose `main` was read, after the ledger; None where there is no table.
    """

    dataset: str
    rows: Latest
    on_main: OnMain
    begin: date | None = None
    table: "Table | None" = field(default=None, repr=False, compare=False)
    _read: dict[int, Publication] = field(default_factory=dict, compare=False)
    _notes: dict[int, Sequence[Note]] = field(default_factory=dict, compare=False)

    @cached_property
    def columns(self) -> "pa.Table | None":
        """The columns of notes, with the last state that is known, and what was read; by day, then by age.

        None where there is no record.
        """
        return self._known.take(self._order) if self._known else None  # A ledger that was set back has no rows.

    @cached_property
    def newest_columns(self) -> "pa.Table | None":
        """The columns of each day's newest publication, by day; None where no day has one."""
        return self.columns.take([*self._newest.values()]) if self.columns is not None and self._newest else None

    def notes(self, *states: State) -> tuple[Note, ...]:
        """Return what columns tell of the records in some states (default: all), by day, then by age."""
        return () if self.columns is None else notes_of(self._in(states))

    def last_recorded(self, most: int) -> tuple[Note, ...]:
        """Return what columns tell of the records that were noted last, the newest first."""
        import pyarrow.compute as pc

        if self.columns is None:
            return ()
        order = [("recorded_ts", "descending"), ("day", "descending"), ("publication_id", "ascending")]
        return notes_of(self.columns.take(pc.sort_indices(self.columns, sort_keys=order)[:most]))

    def identities(self, *states: State) -> set[str]:
        """Return the publications that have records in some states (default: all)."""
        return set() if self.columns is None else set(self._in(states)["publication_id"].to_pylist())

    def unsettled(self) -> tuple[tuple[Note, Note], ...]:
        """Return the records that are open or of which `main` knows more than the ledger.

        Returns:
            For each record the note of the ledger, and the note that is known.
        """
        import pyarrow.compute as pc

        if self.columns is None or self.rows.columns is None:
            return ()
        told, states = self.rows.columns.take(self._order), self.columns["state"]
        wanted = pc.or_(pc.equal(states, State.PREPARED), pc.not_equal(states, told["state"]))
        return tuple(zip(notes_of(told.filter(wanted)), notes_of(self.columns.filter(wanted)), strict=True))

    def days_since(self, since: datetime) -> list[date]:
        """Return the days of records that were noted since an instant, and of open records."""
        import pyarrow.compute as pc

        if self.columns is None:
            return []
        later = pc.greater_equal(self.columns["recorded_ts"], since)
        wanted = pc.or_(pc.equal(self.columns["state"], State.PREPARED), later)
        return list(dict.fromkeys(self.columns["day"].filter(wanted).to_pylist()))

    @cached_property
    def notes_by_day(self) -> Mapping[date, tuple[Note, ...]]:
        """What columns tell of the records of each day, oldest first."""
        return _Lazy(self._by_day, lambda numbers: tuple(map(self._note, numbers)))

    @cached_property
    def newest_notes(self) -> Mapping[date, Note]:
        """What columns tell of each day's newest publication, of days that have a publication."""
        return _Lazy(self._newest, self._note)

    @cached_property
    def by_day(self) -> Mapping[date, tuple[Publication, ...]]:
        """The records of each day, oldest first; a day's records are read on access."""
        return _Lazy(self._by_day, lambda numbers: tuple(map(self._record, numbers)))

    def newest(self, day: date) -> Publication | None:
        """Return the day's newest publication that reached `main` (perhaps withdrawn since), if any did."""
        number = self._newest.get(day)
        return None if number is None else self._record(number)

    def of(self, note: Note) -> Publication:
        """Return the record that a note of this history tells of."""
        [match] = (
            number for number in self._by_day[note.day] if self._note(number).publication_id == note.publication_id
        )
        return self._record(match)

    def open(self) -> tuple[Publication, ...]:
        """Return what is prepared, neither published nor abandoned."""
        return self._with("state", State.PREPARED)

    def find(self, identity: str) -> tuple[Publication, ...]:
        """Return the days of one publication."""
        return self._with("publication_id", identity)

    def prepared(self, identity: str) -> Publication | None:
        """Return what was last recorded of a publication: its run, and the snapshot that was audited."""
        return max(self.find(identity), key=_newness, default=None)

    def all(self) -> tuple[Publication, ...]:
        """Return every record, by day, then by age."""
        return tuple(self._record(number) for numbers in self._by_day.values() for number in numbers)

    def _with(self, name: str, value: str) -> tuple[Publication, ...]:
        """Return the records whose column has a value, by day, then by age; no other record is read."""
        import pyarrow.compute as pc

        if self.columns is None:
            return ()
        return tuple(map(self._record, pc.indices_nonzero(pc.equal(self.columns[name], value)).to_pylist()))

    def _in(self, states: Sequence[State]) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        assert self.columns is not None  # noqa: S101 - its callers have looked
        wanted = pa.array(states or [*State], pa.string())
        return self.columns.filter(pc.is_in(self.columns["state"], wanted))

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
        columns = every.take([places.get(position, position) for position in range(len(known))])
        return columns.append_column(PINNED, known[PINNED])

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
        """Return a note; its neighbours are made with it."""
        part, offset = divmod(number, _NEIGHBOURS)
        if part not in self._notes:
            assert self.columns is not None  # noqa: S101 - it has a record
            self._notes[part] = notes_of(self.columns.slice(part * _NEIGHBOURS, _NEIGHBOURS))
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

    The last record of an attempt counts, on whichever machines its tries ran.
    """
    return max([stamp(), *(publication.recorded_ts + MICROSECOND for publication in known)])


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


class _Lazy(Mapping[date, _Value], Generic[_Number, _Value]):
    """Values by day, each read on access."""

    def __init__(self, numbers: Mapping[date, _Number], read: Callable[[_Number], _Value]) -> None:
        self._numbers, self._read = numbers, read

    def __getitem__(self, day: date) -> _Value:
        return self._read(self._numbers[day])

    def __contains__(self, day: object) -> bool:
        return day in self._numbers

    def __iter__(self) -> Iterator[date]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def _newness(publication: Publication) -> tuple[bool, datetime, bool]:
    # A publication may have abandoned days beside the days that it has.
    return publication.state in REACHED, publication.recorded_ts, publication.state is not State.ABANDONED
