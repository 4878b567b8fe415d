"""Records in their order, and each day's newest, are what a look at one note after another finds."""

from datetime import date, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.lakes import D1, D2, D3, PLANNED

from matinee.ledger.columns import PINNED, columns_of_notes, notes_of, schema
from matinee.ledger.model import REACHED, Publication, Run, State
from matinee.ledger.notes import Note
from matinee.ledger.records import Records, ordered

RUN = Run("a", "core.plays", "2026-03-01", D1, D1, 1, (), "1.0.0", "test", PLANNED)
NOTE = Note.of(Publication(RUN, D1, State.PUBLISHED, 1, PLANNED))
PARTS = st.tuples(
    st.sampled_from([D1, D2, D3]), st.sampled_from(State), st.none() | st.integers(0, 3), st.integers(0, 3)
)
NOTES = st.lists(PARTS, max_size=9).map(
    lambda parts: [
        NOTE._replace(
            publication_id=f"{number}", day=day, state=state, head_sequence_number=sequence, recorded_us=recorded
        )
        for number, (day, state, sequence, recorded) in enumerate(parts)
    ]
)


def records(notes: list[Note]) -> Records:
    columns = columns_of_notes(notes).append_column(PINNED, pa.array([[]] * len(notes), schema().field(PINNED).type))
    return Records(columns.take(ordered(columns)))


def by_hand(notes: list[Note]) -> dict[date, Note]:
    newest = dict[date, Note]()
    for note in sorted(notes, key=lambda note: note.age):
        before = newest.get(note.day)
        is_newer = before is None or (before.head_sequence_number or 0) != (note.head_sequence_number or 0)
        if note.state in REACHED and is_newer:
            newest[note.day] = note
    return newest


@settings(max_examples=50)
@given(NOTES)
def test_records_go_by_day_then_by_age(notes: list[Note]) -> None:
    known = records(notes) if notes else Records(schema().empty_table())
    order = sorted(notes, key=lambda note: (note.day, note.age))
    assert list(notes_of(known.columns)) == order
    by_day = known.by_day(lambda rows: [order[row] for row in rows])
    assert dict(by_day) == {day: [note for note in order if note.day == day] for day in {note.day for note in notes}}


@settings(max_examples=50)
@given(NOTES)
def test_the_newest_of_each_day_is_the_last_that_reached_main(notes: list[Note]) -> None:
    known, newest = records(notes) if notes else Records(schema().empty_table()), by_hand(notes)
    order = sorted(notes, key=lambda note: (note.day, note.age))
    assert list(notes_of(known.newest_columns)) == [newest[day] for day in sorted(newest)]
    assert dict(known.newest_by_day(lambda row: order[row])) == newest


def test_a_day_without_a_record_is_not_among_them() -> None:
    by_day = records([NOTE, NOTE._replace(day=D3)]).by_day(len)
    assert ([day in by_day for day in (D1, D2, D3, D3 + timedelta(days=1))], "x" in by_day) == (
        [True, False, True, False],
        False,
    )
    assert (by_day.get(D2), by_day[D3], len(by_day), [*by_day]) == (None, 1, 2, [D1, D3])
