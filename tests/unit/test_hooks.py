"""Hooks: the registered names are those that pyproject.toml declares."""

import tomllib
from pathlib import Path

import pytest

from matinee.contracts import readers
from matinee.errors import EnvironmentNotReadyError
from matinee.hooks import registered
from matinee.settings import CHECKOUT
from matinee.steps import main
from matinee.table import markers
from matinee.transforms import HOOK, reach

DECLARED = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["entry-points"]


@pytest.mark.parametrize("group", [HOOK, markers.HOOK, reach.HOOK, readers.HOOK, readers.FOLLOWERS, main.HOOK])
def test_every_hook_of_the_project_is_registered_and_loads(group: str) -> None:
    entries = registered(group)
    assert {name: entry.value for name, entry in entries.items()} == DECLARED[group]
    assert all(entry.load() is not None for entry in entries.values())


def test_a_name_that_two_packages_register_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("one", "two"):
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[matinee.tests]\nlive = {package}:marker_in\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EnvironmentNotReadyError, match=r"'live' is registered twice .*one:marker_in"):
        registered("matinee.tests")


def test_code_that_is_not_installed_is_told_so() -> None:
    with pytest.raises(EnvironmentNotReadyError, match="Install Matinee"):
        registered("matinee.nothing")
