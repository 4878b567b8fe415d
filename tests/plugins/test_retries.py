"""Retries by error class, and errors that come back from a report as what they were."""

import pytest
from tests.support.foreign_errors import TERMINAL, TRANSIENT, name_of

from matinee import errors
from matinee.errors import MatineeError, TerminalError, TransientError
from matinee.report import ErrorReport

pytestmark = pytest.mark.airflow

ERRORS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MatineeError)),
    key=lambda kind: kind.__name__,
)
#: Kinds of errors are raised, not the classes that gather them.
LEAVES = [kind for kind in ERRORS if issubclass(kind, TransientError | TerminalError)]


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

    error = raised_again(ErrorReport(type="Gone", message="it broke", next_step="repair it", retryable=False))
    assert type(error) is TerminalError
    assert error.message == "Gone: it broke"


def test_the_policy_survives_serialization() -> None:
    from airflow.sdk import ExceptionRetryPolicy

    from matinee_airflow.retries import RETRY_POLICY

    assert ExceptionRetryPolicy.deserialize(RETRY_POLICY.serialize()).serialize() == RETRY_POLICY.serialize()


@pytest.mark.parametrize(
    "error", [error for error in (*TRANSIENT, *TERMINAL) if isinstance(error, Exception)], ids=name_of
)
def test_a_task_is_tried_again_where_its_error_may_pass(error: Exception) -> None:
    from airflow.sdk import RetryAction

    from matinee_airflow.retries import RETRY_POLICY, typed

    with pytest.raises(MatineeError) as told, typed():
        raise error
    action = RETRY_POLICY.evaluate(told.value, try_number=1, max_tries=3).action
    assert action is (RetryAction.RETRY if error in TRANSIENT else RetryAction.FAIL)


def test_what_airflow_tells_by_exceptions_passes() -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowSkipException, TaskDeferred

    from matinee_airflow.retries import typed

    for error in (AirflowSkipException("no work"), TaskDeferred(trigger=None, method_name="x")):
        with pytest.raises(type(error)), typed():
            raise error
    with pytest.raises(TransientError, match="Airflow failed the task: no job"), typed():
        raise AirflowException("no job")


def test_every_operator_and_sensor_ends_in_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from matinee_airflow import alerts, operators, parity, sensors

    def fail() -> None:
        raise KeyError("x")

    tasks = [
        (alerts, alerts.LookAtAlerts(task_id="a")),
        (parity, parity.FindMatureDays(task_id="c")),
        (sensors, sensors.ValiditySensor(task_id="d", dataset="core.plays")),
        (operators, operators.ConnectStep(task_id="e", step="maintain", arguments=["--what", "recover"], report="x")),
    ]
    for module, task in tasks:
        with monkeypatch.context() as patched:
            patched.setattr(module, "load_settings", fail)
            patched.setattr("matinee.steps.main.main", lambda *_: 1)
            with pytest.raises(errors.InternalError, match="KeyError"):
                task.execute({})
