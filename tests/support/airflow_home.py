"""Airflow for the tests: a home of its own. Conftest files import this before airflow is imported."""

import os
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
HOME = tempfile.mkdtemp(prefix="matinee-airflow-")

os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
    "AIRFLOW__API_AUTH__JWT_SECRET": "for-tests-only-" * 5,
    "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
    "MATINEE_HOME": f"{HOME}/lake",
}
