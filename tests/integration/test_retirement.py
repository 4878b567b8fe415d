"""kill -9 while a dataset is retired: the next call finishes it, and until then its state is told."""

import json
import shutil
from pathlib import Path

import pytest
from tests.support.kills import die, points_of
from tests.support.lakes import make_lake

from matinee.cli.findings import retired
from matinee.cli.main import main
from matinee.settings import CHECKOUT
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import retirements

OUTCOMES, LIVE = "core.impression_plays", "core.impression_plays_live"
RETIRE = ("dataset", "retire", OUTCOMES, "--reason", "replaced")


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with a dataset that no other reads, and whose live table is updated with no other one."""
    shutil.copytree(CHECKOUT / "sql", tmp_path / "sql", ignore=shutil.ignore_patterns("features"))
    other = tmp_path / "sql" / "core" / "play_attributions" / "contract.odcs.yaml"
    other.write_text(other.read_text().replace("  - property: live\n    value: true\n", ""))
    monkeypatch.setenv("MATINEE_SQL_DIR", str(tmp_path / "sql"))
    lake = make_lake(tmp_path / "home")
    lake.ensure(OUTCOMES)
    lake.ensure(LIVE)
    return lake


@pytest.mark.parametrize("point", points_of("retire"))
def test_a_retirement_that_was_killed_is_finished_by_the_next(
    lake: Lake, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    die(lake.settings, point, tmp_path / "marker", "-m", "matinee.cli.main", *RETIRE)
    assert {retirement.state for retirement in retirements(lake).values()} == {"BEGUN"}
    [told] = retired(lake)
    assert (told["state"], told["next"]) == ("warning", f"`matinee dataset retire {OUTCOMES} --reason …` finishes it")
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    main([*RETIRE, "--output", "json"])
    assert json.loads(capsys.readouterr().out)["dropped"] == [LIVE, OUTCOMES]
    assert {retirement.state for retirement in retirements(lake).values()} == {"DONE"}
    assert [entry["state"] for entry in retired(lake)] == ["open"]
    assert not lake.exists(OUTCOMES)
    assert list((lake.settings.home / "warehouse" / "core").iterdir()) == []
