"""`matinee contract plan`: the published days that a changed contract restates, for people and for programs."""

import json
import shutil
from pathlib import Path

import pytest
from tests.support.lakes import D1, D3, core_play, make_lake, prepare

from matinee.cli.main import main
from matinee.publication.move import move_to_main
from matinee.publication.terms import row_terms

PLAYS = "core.plays"


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake with plays of two days whose contract has a new version."""
    lake = make_lake(tmp_path / "lake")
    for day in (D1, D3):
        run = prepare(lake, PLAYS, day, [core_play(day)], terms=row_terms(lake.registry.get(PLAYS)))
        move_to_main(lake, run, lambda _: ())
    shutil.copytree(lake.settings.sql_dir, tmp_path / "sql")
    contract = tmp_path / "sql" / "core" / "plays" / "contract.odcs.yaml"
    contract.write_text(contract.read_text().replace("version: 1.0.0", "version: 2.0.0", 1))
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    monkeypatch.setenv("MATINEE_SQL_DIR", str(tmp_path / "sql"))


def test_programs_are_given_each_day(changed: None, capsys: pytest.CaptureFixture[str]) -> None:
    main(["contract", "plan", PLAYS, "--output", "json"])
    assert json.loads(capsys.readouterr().out) == [
        {
            "dataset": PLAYS,
            "version": "2.0.0",
            "changes": ["contract: 1.0.0 ▸ 2.0.0"],
            "days": ["2026-03-01", "2026-03-03"],
            "next_step": f'`matinee backfill apply {PLAYS} --from {D1} --to {D3} --reason "contract 2.0.0"`.',
        }
    ]


def test_people_are_shown_ranges(changed: None, capsys: pytest.CaptureFixture[str]) -> None:
    main(["contract", "plan"])
    assert "2026-03-01, 2026-03-03 (2)" in capsys.readouterr().out.replace("\n", " ")
    main(["contract", "plan", "core.impressions"])
    assert capsys.readouterr().out == "Tables and published days are as their contracts say.\n"
