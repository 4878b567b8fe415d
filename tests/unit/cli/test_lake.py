"""`matinee lake begin`: what an operator reads."""

import json
from datetime import date
from pathlib import Path

import pytest
from tests.support.lakes import D2, land, make_lake, raw_play

from matinee.cli.main import main
from matinee.validity.validity import Validity


def test_the_lake_begins_earlier_and_the_command_says_what_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D2)])
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    main(["lake", "begin", "2026-01-01", "--output", "json"])
    shown = json.loads(capsys.readouterr().out)
    assert (shown["first_day"], shown["before"]) == ("2026-01-01", "2026-03-02")
    assert "open from there on" in shown["note"]
    assert Validity(lake).valid_from == date(2026, 1, 1)
