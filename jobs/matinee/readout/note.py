"""The note that stands on a failed task in Airflow's UI: a few lines of masked text."""

from collections.abc import Sequence

from matinee.readout.differs import Difference
from matinee.readout.explain import Readout
from matinee.readout.masking import masked

#: Airflow keeps so many characters of a note.
LENGTH = 1_000
#: The first words of each note of Matinee: a text that begins otherwise is a person's.
BEGINS = "Why this failed"
_DIFFERENCES = 3


def note(readout: Readout, differs: Sequence[Difference] = ()) -> str:
    """Return the note of a failure."""
    lines = [
        f"{BEGINS} ({readout.kind}): {readout.cause}",
        f"Next: {readout.next_step}",
        f"A retry {'may help' if readout.retryable else 'fails again'}.",
        *(f"Differs from the last success: {each.what}: {each.before} ▸ {each.now}" for each in differs[:_DIFFERENCES]),
    ]
    text = masked("\n".join(lines))
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"
