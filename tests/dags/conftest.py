"""Fixtures of the DAG tests."""

from typing import TYPE_CHECKING

import pytest
from tests.support.airflow_home import CHECKOUT

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag


@pytest.fixture(scope="session")
def bag() -> "DagBag":
    """Every DAG of the project, parsed once."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(CHECKOUT / "dags"))
