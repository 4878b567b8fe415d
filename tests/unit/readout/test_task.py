"""A typed report is told first, a log else, and what the machine says where a process was killed."""

import pytest

from matinee.readout.task import explain_task, of_error
from matinee.report import ErrorReport, Report

KILLED = [b'{"level": "error", "event": "Process exited abnormally", "exit_code": -9, "pid": 4711}']
KERNEL = [b"[8812.1] Memory cgroup out of memory: Killed process 4711 (python) total-vm:9000000kB"]
WRAPS = ErrorReport(type="EngineFailedError", message="Spark failed.", next_step="Read its log.", retryable=True)


def failed(error: ErrorReport) -> Report:
    return Report(step="write", dataset="core.plays", error=error)


def test_a_typed_error_is_told_whatever_the_log_says() -> None:
    error = ErrorReport(type="StaleInputsError", message="main moved.", next_step="Run again.", retryable=True)
    readout = explain_task(failed(error), [b"OSError: [Errno 28] No space left on device"])
    assert (readout.kind, readout.cause, readout.next_step) == ("conflict", "main moved.", "Run again.")


def test_what_an_error_wraps_is_told() -> None:
    error = WRAPS.model_copy(update={"facts": {"cause": "java.io.IOException", "text": "No space left on device"}})
    assert of_error(error).kind == "resource"


def test_the_log_tells_what_an_error_does_not() -> None:
    readout = explain_task(failed(WRAPS), [b"26/03/01 02:00:09 ERROR x: java.lang.OutOfMemoryError: Java heap space"])
    assert readout.pattern == "java_heap"


def test_an_error_that_wraps_is_told_where_nothing_says_more() -> None:
    assert explain_task(failed(WRAPS), []).cause == "Spark failed."


def test_the_kernel_says_why_a_process_was_killed() -> None:
    assert explain_task(None, KILLED, KERNEL).pattern == "killed_by_kernel"


def test_a_kill_elsewhere_changes_no_cause() -> None:
    assert explain_task(None, [b"KeyError: 'x'"], KERNEL).kind == "code"


def test_an_old_kill_in_the_control_group_is_no_cause() -> None:
    counters = [b"Memory cgroup out of memory: memory.events counts 3 killed processes."]
    odd = [b"something odd"]
    assert explain_task(None, odd, (), counters) == explain_task(None, odd)
    assert explain_task(None, KILLED, (), counters) != explain_task(None, KILLED)


def test_a_secret_of_a_report_is_masked() -> None:
    error = ErrorReport(
        type="CatalogRefusedError",
        message="postgresql://matinee:hunter2@db/x refuses.",
        next_step="Correct password=hunter2.",
        retryable=False,
    )
    assert "hunter2" not in repr(of_error(error))


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ([b"INFO wrote 7 rows"], "its log shows no failure"),
        ([], "it left no log"),
        ([b"state=success"], "its log shows"),
    ],
)
def test_a_failure_that_nothing_explains_is_unknown(log: list[bytes], words: str) -> None:
    readout = explain_task(None, log)
    assert (readout.kind, readout.retryable) == ("unknown", False)
    assert words in readout.cause
    assert "event log of the task" in readout.next_step


def test_a_report_without_an_error_explains_no_failure() -> None:
    assert explain_task(Report(step="write", dataset="core.plays"), [b"INFO done"]).kind == "unknown"


def test_a_task_that_has_not_failed_needs_no_explanation() -> None:
    assert explain_task(None, [b"INFO wrote 7 rows"], has_failed=lambda: False).kind == "none"


def test_whether_a_task_failed_is_not_asked_where_its_log_says_why() -> None:
    def asked() -> bool:
        raise AssertionError

    assert explain_task(None, [b"KeyError: 'x'"], has_failed=asked).kind == "code"
