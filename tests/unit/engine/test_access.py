"""The token that clients of an engine show."""

import os
from pathlib import Path

import pytest

from matinee.engine.access import VARIABLE, forget_token, keep_token, kept_token, process_token
from matinee.private import private_folder
from matinee.settings import load_settings
from matinee.stack.environment import airflow_environment


def test_each_process_gets_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = set()
    for _ in range(3):
        monkeypatch.delenv(VARIABLE, raising=False)
        tokens.add(process_token())
        assert process_token() in tokens
    assert [len(token) for token in tokens] == [43] * 3


def test_an_empty_token_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    settings = load_settings(home=tmp_path)
    private_folder(settings.run_dir)
    keep_token(settings)
    assert len(process_token()) == 43
    assert os.environ[VARIABLE] == kept_token(settings) == process_token()
    (settings.run_dir / "spark-connect.token").write_text("")
    assert kept_token(settings) is None


def test_airflow_has_the_token_of_the_server_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    settings = load_settings(home=tmp_path)
    private_folder(settings.run_dir)
    keep_token(settings)
    kept = os.environ[VARIABLE]
    monkeypatch.setenv(VARIABLE, "another")
    assert airflow_environment(settings)[VARIABLE] == kept
    forget_token(settings)
    assert airflow_environment(settings)[VARIABLE] == "another"
