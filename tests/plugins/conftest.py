"""Fixtures of the tests of the Airflow side."""

import tests.support.airflow_home  # noqa: F401 - sets the environment before airflow is imported
