"""One step of a cycle as an Airflow task: it ends with the report that the step left, or with the error in it.

Operators that need a provider have modules of their own, so that a DAG file imports only what its mode needs.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator

from matinee.errors import TransientError
from matinee.settings import load_settings
from matinee_airflow.assets import event_extra, summary
from matinee_airflow.links import PublicationLink
from matinee_airflow.retries import raised_again, typed

log = logging.getLogger(__name__)


class Reported:
    """What all operators of a step have in common: they end with the report that the step left."""

    report: str
    outlets: Sequence[Any]

    def conclude(self, context: Mapping[str, Any], failure: Exception | None = None) -> dict[str, Any]:
        """Return the report for XCom and put it into the asset events of this task.

        Raises:
            MatineeError: the step failed; the class is that of its error.
        """
        from matinee.readout.reports import read_report

        report = read_report(self.report, load_settings())
        if report is None:
            raise TransientError(
                "The step left no report: it was killed, or it never started.",
                next_step="Read the log of this try, and the driver's.",
                facts={"report": self.report},
            ) from failure
        log.info("%s", summary(report))
        body: dict[str, Any] = report.model_dump(mode="json", by_alias=True)
        if report.error is not None:
            context["ti"].xcom_push(key="failed_report", value=body)
            raise raised_again(report.error) from failure
        for asset in self.outlets:
            context["outlet_events"][asset].extra.update(event_extra(report))
        return body


class ConnectStep(Reported, BaseOperator):  # type: ignore[misc]
    """Runs the step in the task's own process; its Spark is the Connect server of `SPARK_REMOTE`."""

    template_fields: Sequence[str] = ("arguments", "report")
    operator_extra_links = (PublicationLink(),)
    ui_color = "#dbe9f6"

    def __init__(self, *, step: str, arguments: Sequence[str], report: str, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.arguments = list(arguments)
        self.report = report

    @typed()
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Run the step and return its report."""
        from matinee.steps.main import main

        main(self.step, self.arguments)
        return self.conclude(context)
