"""Fixtures of the tests of the Airflow side."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import tests.support.airflow_home  # noqa: F401 - sets the environment before airflow is imported
from tests.support.airflow_api import Airflow, airflow_api
from tests.support.airflow_users import make_database, tokens


@pytest.fixture(scope="module")
def users() -> dict[str, str]:
    """The token of each user."""
    make_database()
    return tokens()


@pytest.fixture(scope="session")
def airflow_server() -> Iterator[Airflow]:
    """Airflow's own API, with two of the product's DAGs."""
    with airflow_api() as airflow:
        airflow.add_dag("plays_daily", "write", "publish")
        airflow.add_dag("lake_maintenance_nightly", "recover")
        airflow.add_dag("stream_parity_daily", "compare", mapped=2)
        yield airflow


@pytest.fixture
def airflow(airflow_server: Airflow) -> Airflow:
    """An Airflow without runs, whose scheduler is alive."""
    airflow_server.clear()
    airflow_server.beat(datetime.now(UTC))
    return airflow_server
