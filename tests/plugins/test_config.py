"""Settings of the Airflow side: where the landing directory is."""

from pathlib import Path

import pytest

from matinee.settings import load_settings
from matinee_airflow.config import AirflowSettings


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ("s3://bucket/landing", "s3://bucket/landing"),
        ("s3://bucket/landing/", "s3://bucket/landing"),
        ("/data/a b#c", "/data/a b#c"),
        ("in", f"{Path.cwd()}/in"),
    ],
)
def test_the_landing_directory_is_a_path_or_a_uri(monkeypatch: pytest.MonkeyPatch, given: str, folder: str) -> None:
    monkeypatch.setenv("MATINEE_LANDING_DIR", given)
    assert AirflowSettings().landing(load_settings()) == folder


def test_the_landing_directory_lies_in_the_home_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MATINEE_LANDING_DIR", raising=False)
    assert AirflowSettings().landing(load_settings(home=tmp_path)) == f"{tmp_path}/landing"
