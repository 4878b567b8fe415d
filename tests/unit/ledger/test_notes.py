"""Notes: what columns tell of a record, in the order of its age."""

import json
from dataclasses import replace

import pytest
from tests.support.lakes import D1, PLANNED, at

from matinee.ledger.model import Publication, Run, State
from matinee.ledger.notes import Note, _blocks
from matinee.report import Rows, Verdict

RUN = Run("core_plays_20260301_a", "core.plays", "2026-03-01", D1, D1, 1, (), "1.0.0", "test", PLANNED)
ROWS = Rows.model_validate({"in": 9, "out": 7, "duplicate": 2})
KNOWN = Publication(RUN, D1, State.PUBLISHED, 2, PLANNED, audited_snapshot_id=5, rows=ROWS)


def test_a_note_tells_the_counts_and_the_instants_of_its_record() -> None:
    note = Note.of(replace(KNOWN, run=replace(RUN, as_of=at(D1))))
    assert (note.read, note.out, note.duplicate, note.generation) == (9, 7, 2, 2)
    assert (note.recorded_ts, note.as_of, note.branch) == (PLANNED, at(D1), f"audit_{RUN.publication_id}")
    assert Note.of(KNOWN).as_of is None


def test_what_reached_main_later_is_newer_whatever_clocks_say() -> None:
    note = Note.of(KNOWN)
    ages = [
        note._replace(head_sequence_number=2, recorded_us=1),
        note._replace(head_sequence_number=1, recorded_us=9),
        note._replace(head_sequence_number=None, recorded_us=5),
        note._replace(head_sequence_number=None, recorded_us=4),
    ]
    assert sorted(ages, key=lambda other: other.age) == ages[::-1]


@pytest.mark.parametrize(
    ("verdicts", "blocked"),
    [
        ([("blocking", "fail"), ("warning", "fail")], True),
        ([("warning", "fail"), ("blocking", "pass")], False),
        ([("blocking", "insufficient")], False),
        ([], False),
    ],
)
def test_one_blocking_audit_that_failed_blocks_a_record(verdicts: list[tuple[str, str]], blocked: bool) -> None:
    said = tuple(
        Verdict.model_validate({"audit": "a", "severity": severity, "verdict": verdict})
        for severity, verdict in verdicts
    )
    assert Note.of(replace(KNOWN, verdicts=said)).blocked is blocked
    assert _blocks(json.dumps([verdict.model_dump() for verdict in said])) is blocked
