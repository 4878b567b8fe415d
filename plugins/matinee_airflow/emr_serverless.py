"""A step on EMR Serverless."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator
from airflow.sdk.exceptions import AirflowException

from matinee_airflow.links import PublicationLink
from matinee_airflow.operators import Reported
from matinee_airflow.retries import typed


class EmrServerlessStep(Reported, EmrServerlessStartJobOperator):  # type: ignore[misc]
    """Runs the step's entry point on EMR Serverless; waits in the triggerer."""

    template_fields: Sequence[str] = (*EmrServerlessStartJobOperator.template_fields, "report")
    operator_extra_links = (*EmrServerlessStartJobOperator.operator_extra_links, PublicationLink())

    def __init__(self, *, report: str, **kwargs: object) -> None:
        super().__init__(deferrable=True, **kwargs)
        self.report = report

    @typed()
    def execute(self, context: Mapping[str, Any], event: dict[str, Any] | None = None) -> str | None:
        """Start the job and wait in the triggerer."""
        started: str | None = super().execute(context, event)
        return started

    @typed()
    def execute_complete(self, context: Mapping[str, Any], event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the step's report once the job has ended."""
        failure = None
        try:
            super().execute_complete(context, event)
        except AirflowException as error:
            failure = error
        return self.conclude(context, failure)
