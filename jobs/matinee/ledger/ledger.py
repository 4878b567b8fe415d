"""The ledger `ops.publications`: appended to, never rewritten; `main`'s ancestry decides what is published.

A row says what was prepared, published, abandoned or withdrawn. **Published means that a snapshot with the
publication's id is in `main`'s ancestry**, so a reader completes the rows with the table's own history: a process that
dies between moving `main` and recording it leaves nothing to disagree about.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from matinee.days import MICROSECOND
from matinee.ledger.columns import NOTED, PINNED, columns_of_notes, notes_of
from matinee.ledger.dropping import begin_of
from matinee.ledger.latest import LEDGER, Latest, Recorded, latest
from matinee.ledger.model import REACHED, Publication, State, to_row
from matinee.ledger.notes import Note
from matinee.ledger.on_main import OnMain
from matinee.ledger.records import ByDay, Records, ordered
from matinee.table.catalog import Lake
from matinee.table.registers import append_rows, stamp

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from pyiceberg.table import Table

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

    @property
    def columns(self) -> "pa.Table | None":
        """The columns of notes, with the last state that is known, and what was read; by day, then by age.

        None where there is no record.
        """
        return self._records.columns or None  # A ledger that was set back has no rows.

    @property
    def newest_columns(self) -> "pa.Table | None":
        """The columns of each day's newest publication, by day; None where no day has one."""
        return self._records.newest_columns or None

    def notes(self, *states: State) -> tuple[Note, ...]:
        """Return what columns tell of the records in some states (default: all), by day, then by age."""
        return notes_of(self._records.columns.filter(self._in(states)))

    def last_recorded(self, most: int) -> tuple[Note, ...]:
        """Return what columns tell of the records that were noted last, the newest first."""
        import pyarrow.compute as pc

        order = [("recorded_ts", "descending"), ("day", "descending"), ("publication_id", "ascending")]
        columns = self._records.columns
        return notes_of(columns.take(pc.sort_indices(columns, sort_keys=order)[:most]))

    def identities(self, *states: State, among: Collection[str] | None = None) -> set[str]:
        """Return the publications, of all or of some, that have records in some states (default: all)."""
        import pyarrow as pa
        import pyarrow.compute as pc

        identities = self._records.columns["publication_id"].filter(self._in(states))
        if among is not None:  # A few of many: only these become objects.
            identities = identities.filter(pc.is_in(identities, pa.array(among, pa.string())))
        return set(identities.to_pylist())

    def unsettled(self) -> tuple[tuple[Note, Note], ...]:
        """Return the records that are open or of which `main` knows more than the ledger.

        Returns:
            For each record the note of the ledger, and the note that is known.
        """
        import pyarrow.compute as pc

        records, order = self._completed
        told, states = self.rows.records.columns.take(order), records.columns["state"]
        wanted = pc.or_(pc.equal(states, State.PREPARED), pc.not_equal(states, told["state"]))
        return tuple(zip(notes_of(told.filter(wanted)), notes_of(records.columns.filter(wanted)), strict=True))

    def days_since(self, since: datetime) -> list[date]:
        """Return the days of records that were noted since an instant, and of open records."""
        import pyarrow.compute as pc

        columns = self._records.columns
        wanted = pc.or_(pc.equal(columns["state"], State.PREPARED), pc.greater_equal(columns["recorded_ts"], since))
        return list(dict.fromkeys(columns["day"].filter(wanted).to_pylist()))

    @cached_property
    def notes_by_day(self) -> ByDay[tuple[Note, ...]]:
        """What columns tell of the records of each day, oldest first."""
        return self._records.by_day(lambda numbers: tuple(map(self._note, numbers)))

    @cached_property
    def newest_notes(self) -> ByDay[Note]:
        """What columns tell of each day's newest publication, of days that have a publication."""
        return self._records.newest_by_day(self._note)

    @cached_property
    def by_day(self) -> ByDay[tuple[Publication, ...]]:
        """The records of each day, oldest first; a day's records are read on access."""
        return self._records.by_day(lambda numbers: tuple(map(self._record, numbers)))

    @cached_property
    def newest_by_day(self) -> ByDay[Publication]:
        """The newest publication of each day that has one; a publication is read on access."""
        return self._records.newest_by_day(self._record)

    def newest(self, day: date) -> Publication | None:
        """Return the day's newest publication that reached `main` (perhaps withdrawn since), if any did."""
        return self.newest_by_day.get(day)

    def of(self, note: Note) -> Publication:
        """Return the record that a note of this history tells of."""
        import pyarrow.compute as pc

        columns = self._records.columns
        same = pc.and_(pc.equal(columns["publication_id"], note.publication_id), pc.equal(columns["day"], note.day))
        [number] = pc.indices_nonzero(same).to_pylist()
        return self._record(number)

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
        return tuple(map(self._record, range(len(self._records.columns))))

    def _with(self, name: str, value: str) -> tuple[Publication, ...]:
        """Return the records whose column has a value, by day, then by age; no other record is read."""
        import pyarrow.compute as pc

        matching = pc.indices_nonzero(pc.equal(self._records.columns[name], value))
        return tuple(map(self._record, matching.to_pylist()))

    def _in(self, states: Sequence[State]) -> "pa.ChunkedArray":
        """Return which records are in some states (none given: all)."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.is_in(self._records.columns["state"], pa.array(states or [*State], pa.string()))

    @property
    def _records(self) -> Records:
        return self._completed[0]

    @cached_property
    def _completed(self) -> "tuple[Records, np.ndarray]":
        """The records with the last state that is known, and the position of each among the rows."""
        import numpy as np
        import pyarrow as pa

        known = self.rows.records.columns
        changed = self.on_main.changed(known)
        if not changed:
            return self.rows.records, np.arange(len(known))
        completed = columns_of_notes(Note.of(self._publication(position)) for position in changed)
        places = np.arange(len(known))
        places[changed] = len(known) + np.arange(len(changed))
        columns = pa.concat_tables([known.select(NOTED), completed]).take(places)
        columns = columns.append_column(PINNED, known[PINNED])
        order = ordered(columns)
        return Records(columns.take(order)), order

    def _note(self, number: int) -> Note:
        """Return a note; its neighbours are made with it."""
        part, offset = divmod(number, _NEIGHBOURS)
        if part not in self._notes:
            self._notes[part] = notes_of(self._records.columns.slice(part * _NEIGHBOURS, _NEIGHBOURS))
        return self._notes[part][offset]

    def _record(self, number: int) -> Publication:
        return self._publication(int(self._completed[1][number]))

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


def _newness(publication: Publication) -> tuple[bool, datetime, bool]:
    # A publication may have abandoned days beside the days that it has.
    return publication.state in REACHED, publication.recorded_ts, publication.state is not State.ABANDONED
