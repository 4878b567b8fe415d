"""Retries by error class, and errors that come back from a report as what they were."""

import pytest

from matinee import errors
from matinee.errors import MatineeError, TerminalError, TransientError
from matinee.report import ErrorReport

pytestmark = pytest.mark.airflow

ERRORS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MatineeError)),
    key=lambda kind: kind.__name__,
)
LEAVES = [kind for kind in ERRORS if kind is not MatineeError]


@pytest.mark.parametrize("kind", LEAVES)
def test_what_may_pass_is_tried_again_and_what_will_not_fails_at_once(kind: type[MatineeError]) -> None:
    from airflow.sdk import RetryAction

    from matinee_airflow.retries import RETRY_POLICY

    decision = RETRY_POLICY.evaluate(kind("it broke", next_step="repair it"), try_number=1, max_tries=3)
    assert decision.action is (RetryAction.RETRY if issubclass(kind, TransientError) else RetryAction.FAIL)


def test_inputs_that_are_not_valid_are_given_more_time_than_a_lost_engine() -> None:
    from matinee_airflow.retries import RETRY_DELAY, RETRY_POLICY

    late = RETRY_POLICY.evaluate(errors.InputsNotValidError("", next_step=""), 1, 3).retry_delay
    lost = RETRY_POLICY.evaluate(errors.EngineUnavailableError("", next_step=""), 1, 3).retry_delay
    assert late is not None
    assert late > (lost or RETRY_DELAY)


def test_an_error_of_airflow_itself_is_left_to_airflow() -> None:
    from airflow.sdk import RetryAction

    from matinee_airflow.retries import RETRY_POLICY

    assert RETRY_POLICY.evaluate(RuntimeError("x"), 1, 3).action is RetryAction.DEFAULT


@pytest.mark.parametrize("kind", LEAVES)
def test_an_error_survives_the_report(kind: type[MatineeError]) -> None:
    from matinee_airflow.retries import raised_again

    error = raised_again(ErrorReport.of(kind("it broke", next_step="repair it", facts={"day": "2026-03-01"})))
    assert (type(error), error.message, error.next_step, error.facts) == (
        kind,
        "it broke",
        "repair it",
        {"day": "2026-03-01"},
    )


def test_an_error_that_another_package_defines_survives_the_report() -> None:
    from matinee_airflow.retries import raised_again

    class RouteLostError(TransientError):
        """Of a system to come."""

    assert type(raised_again(ErrorReport.of(RouteLostError("it broke", next_step="repair it")))) is RouteLostError


def test_an_unknown_error_of_a_report_is_terminal_and_keeps_its_name() -> None:
    from matinee_airflow.retries import raised_again

    error = raised_again(ErrorReport.of(KeyError("play_id")))
    assert type(error) is TerminalError
    assert "KeyError: 'play_id'" in error.message


def test_the_policy_survives_serialization() -> None:
    from airflow.sdk import ExceptionRetryPolicy

    from matinee_airflow.retries import RETRY_POLICY

    assert ExceptionRetryPolicy.deserialize(RETRY_POLICY.serialize()).serialize() == RETRY_POLICY.serialize()
