"""Why a task failed: from the typed report that its step left, else from its log, else from what the machine says."""

import re
from collections.abc import Callable, Sequence

from matinee.readout.explain import Readout, explain
from matinee.readout.patterns import typed
from matinee.report import ErrorReport, Report

#: Facts of an error that hold what another library or process said.
_CARRIES = ("traceback", "tail", "message")
#: Patterns that tell that a process was killed, and not why.
_KILLED = {"killed_by_signal", "zombie", "executor_lost", "session_ended", "scheduler", "reset", "StoppedError"}
#: How Airflow's supervisor tells of a process that a signal ended.
_ENDED = re.compile(rb"Process exited abnormally|exit_code\"?[=:] ?-\d|SIGKILL")
_LOOK = (
    "Look at who ended it: the event log of the task in Airflow, the logs of scheduler, triggerer and workers at that "
    "time (with `make up` in MATINEE_HOME/run), and `dmesg`. `matinee doctor` checks engine and lake."
)
#: Patterns of what the machine says.
_FOR_MEMORY = {"killed_by_kernel", "container_out_of_memory"}


def explain_task(
    report: Report | None,
    log: Sequence[bytes],
    system: Sequence[bytes] = (),
    counters: Sequence[bytes] = (),
    has_failed: Callable[[], bool] = lambda: True,
) -> Readout:
    """Return the read-out of a task.

    Args:
        report: what the step left, if anything.
        log: the lines of the task's log.
        system: lines of the kernel about the task's processes.
        counters: lines of the control group, which tell neither when a process was killed nor which.
        has_failed: whether the task is known to have failed; asked only where nothing says why.
    """
    told = of_error(report.error) if report and report.error else None
    if told and not _wraps(told):
        return told
    logged = explain(log)
    was_killed = logged.pattern in _KILLED or any(_ENDED.search(line) for line in log)
    if was_killed or logged.kind in {"none", "unknown"}:
        killed = explain([*log, *system, *(counters if was_killed else ())])
        if killed.pattern in _FOR_MEMORY:
            return killed
    if told and (logged.kind in {"none", "unknown"} or logged.pattern in typed()):
        return told
    if logged.kind == "none" and has_failed():
        left = "its log shows no failure" if log else "it left no log"
        return Readout("unknown", f"The task failed: {left}, and no report says why.", (), _LOOK, retryable=False)
    return logged


def of_error(error: ErrorReport) -> Readout:
    """Return the read-out of a typed error; of an error that wraps another, what the other says where that is known."""
    exception = ": ".join(error.facts[name] for name in ("cause", "text") if error.facts.get(name))
    texts = [*(error.facts.get(name, "") for name in _CARRIES), exception]
    carried = [line for text in texts for line in text.splitlines()]
    message, step = " ".join(error.message.split()), " ".join(error.next_step.split())
    return explain(line.encode() for line in [*carried, f"{error.type}: {message} Next: {step}"])


def _wraps(told: Readout) -> bool:
    return bool(typed().get(told.pattern, {}).get("wraps"))
