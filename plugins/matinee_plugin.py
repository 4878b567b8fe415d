"""The one Airflow plugin of Matinee: what the UI must know; everything else is imported by the DAG files."""

from airflow.plugins_manager import AirflowPlugin

from matinee_airflow.links import PublicationLink


class MatineePlugin(AirflowPlugin):  # type: ignore[misc]
    """Registers the link from a task to its publication."""

    name = "matinee"
    operator_extra_links = [PublicationLink()]  # noqa: RUF012 - Airflow reads a plain list
