"""Notes on failed tasks in Airflow's UI: why each failed. Only the watcher writes them, never over a person's text."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from time import monotonic

from matinee.alerts.signals.failures import Failed, Why
from matinee.alerts.signals.outlook import Outlook
from matinee.errors import MatineeError, UsageError
from matinee.readout.note import is_note, note
from matinee.stack.api import AirflowApi

log = logging.getLogger(__name__)
#: A note that could not be written is tried again so much later; one that the account may not write, much later.
AGAIN, AGAIN_IF_REFUSED = timedelta(minutes=5), timedelta(hours=6)
#: A look writes no more notes once so many seconds are over.
WITHIN_S = 10.0
KEPT = 5000
_DONE = datetime.max.replace(tzinfo=UTC)


def write_notes(outlook: Outlook, api: AirflowApi, failed: Iterable[tuple[Failed, Why]]) -> None:
    """Write why on each failed task, once a try; what cannot be written is left to a later look."""
    next_at: dict[tuple[str, int], datetime] = outlook.memory.setdefault("notes", {})
    until = monotonic() + WITHIN_S
    for task, why in failed:
        key = task.name, task.try_number
        if next_at.get(key, outlook.at) > outlook.at:
            continue
        if monotonic() > until:
            break
        try:
            _write(api, task, note(why.readout, why.differs))
            next_at[key] = _DONE
        except MatineeError as error:
            log.warning("The note of %s is not written: %s", task.name, error)
            next_at[key] = outlook.at + (AGAIN_IF_REFUSED if isinstance(error, UsageError) else AGAIN)
    for oldest in list(next_at)[:-KEPT]:
        del next_at[oldest]


def _write(api: AirflowApi, task: Failed, text: str) -> None:
    """Write a note where none stands, or a note of an earlier try that nobody has changed."""
    now = api.task(task.dag, task.run, task.task, task.map_index)
    is_final = now.state is not None and now.state.value == "failed" and now.try_number == task.try_number
    if is_final and now.note != text and (not now.note or is_note(now.note)):
        api.write_note(task.dag, task.run, task.task, text, task.map_index)
