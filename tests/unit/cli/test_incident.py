"""`matinee incident` reads and writes the journal, and the copy in the home while PostgreSQL is down."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.alerts import CATALOG, T0, day, rule, signal

from matinee.alerts.evaluation import evaluate
from matinee.alerts.journal.store import open_file
from matinee.alerts.people import resolve
from matinee.alerts.settings import journal_file
from matinee.cli.main import main
from matinee.settings import load_settings

DOWN = "postgresql://u:p@127.0.0.1:9/alerts"


@pytest.fixture
def incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An open incident in the home's journal, beside another that is over."""
    monkeypatch.setenv("MATINEE_HOME", str(tmp_path))
    with closing(open_file(journal_file(load_settings()))) as journal:
        with journal.begin() as entries:
            changes = evaluate(entries, [signal(CATALOG), signal(day(1))], [rule()], T0, ())
        catalog, other = (change.incident.incident_id for change in changes)
        resolve(journal, other, "noise", "ana", "a test", T0)
    return catalog


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:  # noqa: ANN401 - JSON
    main(["incident", *arguments, "--output", "json"])
    return json.loads(capsys.readouterr().out)


def test_the_list_has_what_is_open_and_on_request_what_is_over(
    incident: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [row["incident"] for row in told(capsys, "list")] == [incident]
    assert [row["state"] for row in told(capsys, "list", "--all")] == ["open", "resolved"]


@pytest.mark.filterwarnings("ignore")
def test_the_copy_in_the_home_is_used_while_postgresql_is_down(
    incident: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MATINEE_ALERTS_JOURNAL", DOWN)
    main(["incident", "ack", incident, "--reason", "I look"])
    assert "journal.db is used" in capsys.readouterr().err
    shown = told(capsys, "show", incident)
    assert shown["state"] == "acknowledged"
    assert [each["event"] for each in shown["told"]] == ["opened", "acknowledged"]
