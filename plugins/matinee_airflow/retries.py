"""Retries by error class: transient errors are tried again, terminal errors fail the task at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowException

from matinee import errors
from matinee.errors import MatineeError, TerminalError, TransientError
from matinee.foreign import translated
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


@contextmanager
def typed() -> Iterator[None]:
    """Raise Matinee's error for whatever a task raises, so that its class decides on another try.

    Airflow tells by exceptions of its own that a task skips, waits or is out of time: these pass.

    Raises:
        MatineeError: see `foreign.translated`; for a failure that only Airflow's log explains, TransientError.
    """
    try:
        yield
    except MatineeError:
        raise
    except AirflowException as error:
        if type(error) is not AirflowException:
            raise
        raise TransientError(f"Airflow failed the task: {error}", next_step="Read the log of this try.") from error
    except Exception as error:
        raise translated(error) from error
