"""Runs at work: for how long each should take, learned from runs that have succeeded."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from matinee.alerts.model import NEVER, Identity, Signal

#: So many runs of the same weekday, or of any day, have to be known.
SAME_WEEKDAY, ANY_DAY = 3, 5
#: A run may take so many times as long as the longest of them, and so much longer.
TIMES, MARGIN = 2, timedelta(minutes=15)


@dataclass(frozen=True)
class Ran:
    """A run that has succeeded: when it began to wait, and when it ended."""

    begun: datetime
    ended: datetime

    @property
    def length(self) -> timedelta:
        """For how long it waited and ran."""
        return self.ended - self.begun


def usual(known: Collection[Ran], weekday: int) -> timedelta | None:
    """Return how long a run of a weekday may take; None where too few are known."""
    same = [run.length for run in known if run.begun.weekday() == weekday]
    lengths = same if len(same) >= SAME_WEEKDAY else [run.length for run in known]
    if len(lengths) < (SAME_WEEKDAY if lengths is same else ANY_DAY):
        return None
    return TIMES * max(lengths) + MARGIN


def signal_of(dag: str, run: str, begun: datetime, known: Collection[Ran]) -> Signal:
    """Return the signal of a run that waits or runs since an instant."""
    limit = usual(known, begun.weekday())
    words = f"{limit} is usual at the most" if limit else "too few runs are known to say what is usual"
    return Signal(
        "time_to_complete",
        f"{dag} {run} at work",
        Identity("late", dag),
        f"{dag} {run} waits or runs since {begun:%Y-%m-%d %H:%MZ}; {words}",
        f"Open the run of {dag} in Airflow: a task that waits says for what.",
        since=begun,
        limit=limit.total_seconds() if limit else NEVER,
        dag=dag,
    )
