"""The embedded Airflow's scheduler, and so the task that stands by for the watcher, tells whom the watcher tells."""

import os
from pathlib import Path

import pytest

from matinee.settings import load_settings
from matinee.stack.environment import StackSettings, airflow_environment, alerts_environment, scheduler_environment


def test_the_watcher_has_the_connections_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPS", "slack://:x@")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    told = alerts_environment(StackSettings(airflow_port=1))
    assert (told["MATINEE_ALERTS_AIRFLOW"], told["AIRFLOW_CONN_OPS"]) == ("http://127.0.0.1:1", "slack://:x@")
    assert "AIRFLOW__CORE__EXECUTOR" not in told


def test_the_task_that_stands_by_has_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPS", "slack://:x@")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("MATINEE_ALERTS_ROUTE", "slack:ops")
    ours = StackSettings(airflow_port=1)
    told = scheduler_environment(airflow_environment(load_settings(home=tmp_path), ours), ours)
    named = ("MATINEE_ALERTS_AIRFLOW", "MATINEE_ALERTS_ROUTE", "AIRFLOW_CONN_OPS", "AIRFLOW__CORE__EXECUTOR")
    assert [told[name] for name in named] == ["http://127.0.0.1:1", "slack:ops", "slack://:x@", "LocalExecutor"]
    assert told["PYTHONPATH"].split(os.pathsep)[0].endswith("matinee/stack/scheduler")
