"""The note of a failure is a few masked lines."""

from matinee.readout.differs import Difference
from matinee.readout.explain import explain
from matinee.readout.note import BEGINS, LENGTH, note

READOUT = explain([b"OSError: [Errno 28] No space left on device: '/lake/x.parquet'"])


def test_a_note_says_why_what_next_and_what_differs() -> None:
    text = note(READOUT, [Difference("code", "0.1.0", "0.2.0")])
    assert text.startswith(f"{BEGINS} (resource): A disk is full")
    assert "Next: Free space" in text
    assert "A retry fails again." in text
    assert "Differs from the last success: code: 0.1.0 ▸ 0.2.0" in text


def test_a_note_holds_no_secret_and_no_more_than_airflow_keeps() -> None:
    text = note(READOUT, [Difference("setting x", "password=hunter2", "y" * LENGTH)])
    assert "hunter2" not in text
    assert len(text) == LENGTH
