"""The demo, live: scheduler, backfill, Spark and every check of its numbers, as a newcomer runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.catalogs import create_database

from matinee.engine.server import free_port

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.airflow, pytest.mark.timeout(1500)]


def run_demo(home: Path, *arguments: str, **variables: str) -> str:
    """Run the demo in a process of its own; return what it printed."""
    ports = {"MATINEE_AIRFLOW_PORT": str(free_port()), "MATINEE_SPARK_PORT": str(free_port())}
    environment = os.environ | ports | variables | {"MATINEE_HOME": str(home)}
    command = [sys.executable, "-m", "matinee.demo", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1400, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.postgres
def test_the_demo_holds_with_both_catalog_and_airflow_on_postgresql(tmp_path: Path, postgres_uri: str) -> None:
    catalog, airflow = create_database(postgres_uri), create_database(postgres_uri)
    printed = run_demo(
        tmp_path / "home",
        MATINEE_CATALOG="postgres",
        MATINEE_CATALOG_URI=catalog,
        MATINEE_AIRFLOW_DB=airflow.replace("postgresql://", "postgresql+psycopg2://"),
    )
    assert "attributions equal the recorded truth" in printed


@pytest.mark.realdata
def test_the_demo_holds_on_real_events(tmp_path: Path, real_data: Path) -> None:
    printed = run_demo(tmp_path / "home", "--source", str(real_data / "obd_random"))
    assert "130 of 130" in printed
