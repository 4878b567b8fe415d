"""A home is private from the first command on, whichever command that is."""

import os
from pathlib import Path

import pytest
from tests.support.lakes import D1, raw_play

from matinee.cli.main import main
from matinee.report import Report


@pytest.mark.parametrize("umask", [0o000, 0o077])
@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor",),
        ("vtts", "list"),
        ("publications", "list", "core.plays"),
        ("landing", "status", "--from", "{landing}"),
        ("ingest", "--from", "{landing}"),
        ("late", "scan"),
        ("heal", "list"),
        ("stream", "status"),
        ("pins", "list"),
        ("contract", "plan"),
        ("lake", "backup", "{home}/backup"),
    ],
    ids=lambda arguments: arguments[0] if isinstance(arguments, tuple) else f"{arguments:#o}",
)
def test_what_the_first_command_makes_is_private(
    arguments: tuple[str, ...], umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, landing = tmp_path / "lakes" / "home", tmp_path / "landing"
    landing.mkdir()
    row = {name: value for name, value in raw_play(D1).items() if name not in ("event_day", "landing_seq", "file")}
    (landing / "plays.ndjson").write_text(str(row).replace("'", '"'))
    monkeypatch.setenv("MATINEE_HOME", str(home))
    before = os.umask(umask)
    try:
        main([part.format(home=home, landing=landing) for part in arguments])
    except SystemExit:  # An empty lake lacks what some commands look for.
        pass
    finally:
        os.umask(before)
    assert home.is_dir()
    assert exposed(home) == []


def test_a_report_in_a_new_home_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Report(step="write", dataset="core.plays").write(tmp_path / "home" / "run" / "reports" / "r.json")
    finally:
        os.umask(before)
    assert exposed(tmp_path / "home") == []


def exposed(home: Path) -> list[str]:
    """Return what other users could enter or read, if they could enter what lies above; the warehouse is data."""
    below = (path for path in home.rglob("*") if home / "warehouse" not in path.parents)
    wanted = ((path, 0o700 if path.is_dir() else 0o600) for path in (home, *below))
    return [f"{path} {path.stat().st_mode & 0o777:o}" for path, mode in wanted if path.stat().st_mode & 0o777 != mode]
