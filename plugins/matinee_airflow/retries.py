"""Retries by error class: transient errors are tried again, terminal errors fail the task at once."""

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from matinee import errors
from matinee.errors import MatineeError, TerminalError, TransientError
from matinee.report import ErrorReport

RETRIES = 3
RETRY_DELAY = timedelta(seconds=20)
INPUTS_DELAY = timedelta(minutes=5)

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(errors.InputsNotValidError, RetryAction.RETRY, INPUTS_DELAY, "an input day is not valid yet"),
        RetryRule(errors.NotCompleteError, RetryAction.RETRY, INPUTS_DELAY, "rows of an input day are still missing"),
        RetryRule(TransientError, RetryAction.RETRY, reason="transient: the same call may succeed later"),
        RetryRule(TerminalError, RetryAction.FAIL, reason="terminal: the same call would fail again"),
    ]
)


def raised_again(report: ErrorReport) -> MatineeError:
    """Return the error of a report, in the class that it had in the process of the step."""
    kind = errors.kind_named(report.type)
    if kind is not None:
        return kind(report.message, next_step=report.next_step, facts=report.facts)
    fallback = TransientError if report.retryable else TerminalError
    return fallback(f"{report.type}: {report.message}", next_step=report.next_step, facts=report.facts)
