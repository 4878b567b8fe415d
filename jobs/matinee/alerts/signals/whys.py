"""Why tasks failed: what their reports, their logs and the machine say, read once for each try."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from time import monotonic
from urllib.parse import urlsplit

from matinee.alerts.signals.failures import Failed, Why
from matinee.alerts.signals.outlook import Outlook
from matinee.errors import MatineeError
from matinee.readout.explain import Readout
from matinee.readout.reports import last_success, read_report
from matinee.readout.system import kernel_lines, memory_lines, pids_of
from matinee.report import Report, report_name
from matinee.stack.api import AirflowApi

log = logging.getLogger(__name__)
#: A log that was not given is asked for again so much later. Airflow takes seconds to say that a worker is gone: a look
#: asks for no more logs once so many seconds are over.
ASKED_AGAIN, WITHIN_S = timedelta(minutes=5), 15.0
#: So many tries are kept in mind.
KEPT = 5000
_HERE = {"127.0.0.1", "::1", "localhost"}
#: Of a failure of which nothing can be read: an empty log would say that nothing failed.
_WITHOUT_LOG = Why(
    Readout("unknown", "Airflow does not give its log", (), "Open the task in Airflow.", retryable=False)
)


class Whys:
    """What one look learns of failures; what it has read is in the watcher's memory for later looks."""

    def __init__(self, outlook: Outlook, api: AirflowApi) -> None:
        self._outlook, self._api = outlook, api
        self._until = monotonic() + WITHIN_S
        self._read: dict[tuple[str, int], Why] = outlook.memory.setdefault("whys", {})
        self._missed: dict[tuple[str, int], datetime] = outlook.memory.setdefault("missed logs", {})

    def of(self, task: Failed) -> Why | None:
        """Return why a try failed; None: no look had the time to ask yet, and a later look tells the failure.

        A log that is not given is asked for again by a later look.
        """
        key, now = (task.name, task.try_number), self._outlook.at
        if key not in self._read:
            asked = self._missed.get(key)
            if asked is not None and now - asked < ASKED_AGAIN:
                return _WITHOUT_LOG
            if monotonic() > self._until:
                return None if asked is None else _WITHOUT_LOG
            try:
                self._read[key] = self._learned(task)
            except MatineeError as error:
                log.warning("The log of %s cannot be read: %s", task.name, error)
                self._missed[key] = now
                return _WITHOUT_LOG
            for memory in (self._read, self._missed):
                for oldest in list(memory)[:-KEPT]:
                    del memory[oldest]
        return self._read[key]

    def known(self, tasks: Iterable[Failed]) -> Iterator[tuple[Failed, Why]]:
        """Yield the failures that were read, with why."""
        for task in tasks:
            if (task.name, task.try_number) in self._read:
                yield task, self._read[task.name, task.try_number]

    def _learned(self, task: Failed) -> Why:
        """Read what a try has left.

        Raises:
            MatineeError: it has left no report, and Airflow does not give its log.
        """
        report = self._report(task)
        try:
            lines = self._api.task_log(task.dag, task.run, task.task, task.try_number, task.map_index)
        except MatineeError:
            if report is None:
                raise
            lines = []
        success = last_success(self._outlook.settings, task.dag, task.task) if report else None
        # Of another machine this machine's kernel knows nothing.
        is_here = urlsplit(self._api.url).hostname in _HERE
        system, counters = (kernel_lines(pids_of(lines)), memory_lines()) if is_here else ([], [])
        return Why.of(b"\n".join(lines), report, success, system, counters)

    def _report(self, task: Failed) -> Report | None:
        settings = self._outlook.settings
        name = report_name(task.dag, task.run, task.task, task.try_number, task.map_index)
        try:
            return read_report(f"{settings.reports}/{name}", settings)
        except MatineeError as error:
            log.info("The report of %s cannot be read: %s", task.name, error)
            return None
