"""A step through spark-submit."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk.exceptions import AirflowException

from matinee_airflow.links import PublicationLink
from matinee_airflow.operators import Reported
from matinee_airflow.retries import typed


class SubmitStep(Reported, SparkSubmitOperator):  # type: ignore[misc]
    """Runs the step's entry point through spark-submit, on whatever master the connection names."""

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "report")
    operator_extra_links = (PublicationLink(),)

    def __init__(self, *, report: str, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.report = report

    @typed()
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Submit, wait, and return the step's report."""
        failure = None
        try:
            super().execute(context)
        except AirflowException as error:
            failure = error
        return self.conclude(context, failure)
