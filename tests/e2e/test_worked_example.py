"""The worked example of sql/README.md in a copy of the checkout: files alone, backfilled by the real Airflow."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_worked_example import TITLES, UPSTREAM, snippet
from tests.support.lakes import D1, D2, land_days

from matinee.engine.server import free_port
from matinee.settings import CHECKOUT, load_settings
from matinee.stack.api import AirflowApi
from matinee.table.catalog import Lake

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.airflow, pytest.mark.timeout(1800)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout to which the files of the example were added."""
    copy = tmp_path / "checkout"
    for folder in ("dags", "jobs", "plugins", "sql"):
        shutil.copytree(CHECKOUT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / ".jars").symlink_to(CHECKOUT / ".jars")
    shutil.copy(CHECKOUT / "pyproject.toml", copy)
    dataset = copy / "sql" / "features" / "title_daily"
    (dataset / "audits").mkdir(parents=True)
    (dataset / "contract.odcs.yaml").write_text(snippet("contract"))
    (dataset / "transform.sql").write_text(snippet("transform"))
    (dataset / "audits" / "title_never_shown.sql").write_text(snippet("audit"))
    (copy / "dags" / "title_daily.py").write_text(snippet("dag"))
    shutil.copy(copy / "dags" / "runbooks" / "plays_daily.md", copy / "dags" / "runbooks" / "title_daily.md")
    return copy


class Shell:
    """Commands of the copy, on a lake of its own."""

    def __init__(self, checkout: Path) -> None:
        self.home = checkout.parent / "home"
        ports = {"MATINEE_AIRFLOW_PORT": str(free_port()), "MATINEE_SPARK_PORT": str(free_port())}
        self.airflow = AirflowApi(f"http://127.0.0.1:{ports['MATINEE_AIRFLOW_PORT']}")
        self._folder = checkout
        paths = os.pathsep.join(str(checkout / folder) for folder in ("jobs", "plugins"))
        self._environment = os.environ | ports | {"MATINEE_HOME": str(self.home), "PYTHONPATH": paths}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self._folder,
            env=self._environment,
            text=True,
            capture_output=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def matinee(self, *arguments: str) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.run("-m", "matinee.cli.main", *arguments, "--output", "json"))


@pytest.fixture
def shell(checkout: Path) -> Iterator[Shell]:
    shell = Shell(checkout)
    shell.run("-m", "matinee.stack", "up")
    yield shell
    shell.run("-m", "matinee.stack", "down")


def test_the_example_is_backfilled_by_its_dag(shell: Shell) -> None:
    lake = Lake.open(load_settings(home=shell.home, catalog="embedded", spark_remote=None))
    land_days(lake, D1, D2)
    days = ("--from", str(D1), "--to", str(D2))
    for dataset in UPSTREAM:
        shell.matinee("run", dataset, *days)
    [planned] = shell.matinee("backfill", "plan", TITLES, *days)
    assert (planned["dag_id"], planned["keys"], planned["conflicts"]) == ("title_daily", 2, [])
    shell.airflow.unpause("title_daily")
    done = shell.matinee("backfill", "apply", TITLES, *days, "--reason", "the first days")
    assert done == [{"dag": "title_daily", "from": str(D1), "to": str(D2), "state": "published"}]
    listed = shell.matinee("publications", "list", TITLES)
    assert [(entry["day"], entry["state"], entry["rows"]) for entry in listed] == [
        (str(day), "PUBLISHED", 1) for day in (D1, D2)
    ]
    [row] = [entry for entry in shell.matinee("vtts", "list") if entry["dataset"] == TITLES]
    assert row["vtts"] == f"{D2 + timedelta(days=1)} 00:00:00+00:00"
