"""Headers of audits: `matinee contract check` names file and line of each header that is not usable."""

import shutil
from pathlib import Path

import pytest

from matinee.audits.definitions import header_faults
from matinee.cli.main import main
from matinee.contracts.loader import load
from matinee.settings import CHECKOUT

HEAD = "-- severity: warning\n-- why: a test\n"
BAD = [
    pytest.param("-- why: a test\n", 1, "an audit starts with", id="no severity"),
    pytest.param("-- severity: error\n-- why: a test\n", 1, "an audit starts with", id="another severity"),
    pytest.param(f"{HEAD}-- owner: me\n", 3, "'owner: me' is not a setting", id="an unknown setting"),
    pytest.param(f"{HEAD}-- min_rows: many\n", 3, "'min_rows: many' is not", id="no number"),
    pytest.param(f"{HEAD}-- scope: crossday\n", 3, "'scope: crossday' is not", id="an unknown scope"),
    pytest.param(f"{HEAD}-- severity: blocking\n", 3, "'severity: blocking' is not", id="a setting twice"),
]


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CHECKOUT / "sql", tmp_path / "sql"))


@pytest.mark.parametrize(("head", "line", "reason"), BAD)
@pytest.mark.parametrize("place", ["core/plays/audits/own.sql", "audits/event_lost.sql"], ids=["own", "shared"])
def test_a_header_that_is_not_usable_is_named(sql: Path, place: str, head: str, line: int, reason: str) -> None:
    file = sql / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{head}SELECT 1\n")
    [fault] = header_faults(load(sql / "core" / "plays" / "contract.odcs.yaml"))
    assert fault[:2] == (file, line)
    assert reason in fault[2]


def test_the_command_fails_and_names_a_shared_audit_once(
    sql: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MATINEE_SQL_DIR", str(sql))
    assert main(["contract", "check"]) is None
    capsys.readouterr()
    (sql / "audits" / "event_lost.sql").write_text("SELECT 1\n")
    with pytest.raises(SystemExit) as ended:
        main(["contract", "check", "--output", "json"])
    assert (ended.value.code, capsys.readouterr().out.count("an audit starts with")) == (1, 1)
