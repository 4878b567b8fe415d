"""The note that stands on a failed task in Airflow's UI: a few lines of masked text."""

from collections.abc import Sequence
from hashlib import sha256

from matinee.readout.differs import Difference
from matinee.readout.explain import Readout
from matinee.readout.masking import masked

#: Airflow keeps so many characters of a note.
LENGTH = 1_000
#: The first words of each note of Matinee.
BEGINS = "Why this failed"
_SIGNED = "\nBy Matinee, "
_DIFFERENCES = 3


def note(readout: Readout, differs: Sequence[Difference] = ()) -> str:
    """Return the note of a failure. Its last line has a hash of the others: a text that a person changed is known."""
    lines = [
        f"{BEGINS} ({readout.kind}): {readout.cause}",
        f"Next: {readout.next_step}",
        f"A retry {'may help' if readout.retryable else 'fails again'}.",
        *(f"Differs from the last success: {each.what}: {each.before} ▸ {each.now}" for each in differs[:_DIFFERENCES]),
    ]
    text, most = masked("\n".join(lines)), LENGTH - len(_signature(""))
    kept = text if len(text) <= most else f"{text[: most - 1]}…"
    return kept + _signature(kept)


def is_note(text: str) -> bool:
    """Whether a text is a note of Matinee that nobody has changed."""
    body, _, _ = text.rpartition(_SIGNED)
    return text == body + _signature(body) and body.startswith(BEGINS)


def _signature(text: str) -> str:
    return f"{_SIGNED}{sha256(text.encode()).hexdigest()[:8]}"
