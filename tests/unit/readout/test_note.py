"""The note of a failure is a few masked lines."""

import pytest

from matinee.readout.differs import Difference
from matinee.readout.explain import explain
from matinee.readout.note import BEGINS, LENGTH, is_note, note

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


@pytest.mark.parametrize("differs", [(), [Difference("setting x", "a", "y" * LENGTH)]])
def test_a_note_that_nobody_has_changed_is_known(differs: list[Difference]) -> None:
    assert is_note(note(READOUT, differs))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ask Ada.",
        f"{BEGINS} (resource): A disk is full",
        f"{note(READOUT)}\nAda looks at it.",
        note(READOUT).replace("Free space", "Ada frees space"),
        f"Ada: {note(READOUT)}",
    ],
)
def test_a_text_that_a_person_has_written_or_changed_is_no_note(text: str) -> None:
    assert not is_note(text)
