"""The README's worked example, word for word: a new dataset is a folder and a DAG file."""

import re
import shutil
from pathlib import Path

import pytest
from tests.lakes import D1, land_days

from matinee.contracts.validate import check_all
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import CHECKOUT, Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

README = CHECKOUT / "README.md"
UPSTREAM = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")


def snippet(name: str) -> str:
    """Return the code block that follows a marker in the README."""
    found = re.search(rf"<!-- worked example: {name} -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None, name
    return found[1]


@pytest.fixture
def extended(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose datasets are the shipped ones and the README's."""
    sql = tmp_path / "sql"
    shutil.copytree(settings.sql_dir, sql)
    folder = sql / "features" / "title_daily"
    (folder / "audits").mkdir(parents=True)
    (folder / "contract.odcs.yaml").write_text(snippet("contract"))
    (folder / "transform.sql").write_text(snippet("transform"))
    (folder / "audits" / "title_never_shown.sql").write_text(snippet("audit"))
    return settings.model_copy(update={"sql_dir": sql})


@pytest.mark.spark
def test_the_example_is_checked_run_published_and_valid(extended: Settings) -> None:
    assert check_all(extended.sql_dir) == []
    lake = Lake.open(extended)
    land_days(lake, D1)
    for dataset in (*UPSTREAM, "features.title_daily"):
        report = run(extended, RunRequest(dataset, D1, D1))
    assert [verdict.audit for verdict in report.verdicts if verdict.audit == "title_never_shown"]
    rows = lake.table("features.title_daily").scan().to_arrow().to_pylist()
    assert rows == [{"title_id": "t1", "impressions": 1, "taken": 1, "take_rate": 1.0, "event_day": D1}]
    assert Validity(lake).status("features.title_daily", D1).valid


def test_the_example_sql_passes_the_linter(tmp_path: Path) -> None:
    from sqlfluff.core import FluffConfig, Linter

    config = FluffConfig.from_path(str(CHECKOUT))
    linter = Linter(config=config)
    for name in ("transform", "audit"):
        assert linter.lint_string(snippet(name)).get_violations() == []


def test_the_example_dag_is_a_declaration() -> None:
    compiled = compile(snippet("dag"), "title_daily.py", "exec")
    assert "write_audit_publish" in compiled.co_names
