"""The validity sensor: a daily run starts once the input days that it reads are valid."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from matinee.errors import TerminalError, TransientError
from matinee.report import ErrorReport
from matinee.settings import Settings, load_settings
from matinee_airflow.retries import raised_again, typed
from matinee_airflow.triggers import ValidityTrigger, matures_after, waits_for

log = logging.getLogger(__name__)
WAIT_AT_MOST = timedelta(hours=12)


class ValiditySensor(BaseSensorOperator):  # type: ignore[misc]
    """Waits in the triggerer for the input days of a key; fails the run when they do not come.

    The sensor does not wait for an unbroken run of valid days: one bad day in March does not stop December. It waits
    for a lake that does not answer as for a day that has not come. After twelve hours, and the time that inputs awaited
    as `mature` take to become mature, the run fails: a run that ends green has published its days.
    """

    template_fields: Sequence[str] = ("key",)
    ui_color = "#f6f0db"

    def __init__(self, *, dataset: str, key: str = "{{ key_of(dag_run) }}", **kwargs: object) -> None:
        super().__init__(**{"timeout": WAIT_AT_MOST, "pool": "default_pool", **kwargs})
        self.dataset = dataset
        self.key = key

    @typed()
    def execute(self, context: Mapping[str, Any]) -> None:
        """Return at once if the inputs are valid, else wait in the triggerer."""
        settings = load_settings()
        try:
            with typed():
                waiting = waits_for(settings, self.dataset, self.key)
        except TransientError as error:
            waiting = f"The lake cannot be looked at: {error}"
        if not waiting:
            log.info("The inputs of %s %s are valid.", self.dataset, self.key)
            return
        log.info("%s %s waits for:\n%s", self.dataset, self.key, waiting)
        self.defer(
            trigger=ValidityTrigger(self.dataset, self.key, poll_seconds(settings)),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout) + matures_after(settings, self.dataset),
        )

    @typed()
    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Mapping[str, Any]
    ) -> object:
        """Go on after the wait.

        Raises:
            TerminalError: the inputs did not come in time.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout as error:
            raise TerminalError(
                f"The inputs of {self.dataset} {self.key} did not come in time; nothing was published.",
                next_step=f"`matinee vtts explain {self.dataset}` names what is missing; then clear this task.",
                facts={"dataset": self.dataset, "key": self.key},
            ) from error

    def execute_complete(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """End the wait.

        Raises:
            MatineeError: the inputs could not be looked at.
        """
        if "error" in event:
            raise raised_again(ErrorReport.model_validate(event["error"]))
        log.info("The inputs of %s %s are valid now.", self.dataset, self.key)


def poll_seconds(settings: Settings) -> float:
    """Return the seconds between two looks: a look at a local file is cheap, one at an object store is not."""
    return 5 if settings.catalog == "embedded" else 60
