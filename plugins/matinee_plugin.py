"""The one Airflow plugin of Matinee: what the UI must know; everything else is imported by the DAG files."""

from airflow.plugins_manager import AirflowPlugin

from matinee_airflow.links import FailureLink, PublicationLink
from matinee_airflow.pages.mount import PREFIX, LazyApp, external_views


class MatineePlugin(AirflowPlugin):  # type: ignore[misc]
    """Registers the links of tasks, and the pages with their entries in the navigation."""

    name = "matinee"
    operator_extra_links = [PublicationLink()]  # noqa: RUF012 - Airflow reads a plain list
    global_operator_extra_links = [FailureLink()]  # noqa: RUF012
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": "Matinee"}]  # noqa: RUF012
    external_views = external_views()
