"""`matinee failure explain` reads a log from a file or from standard input."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from matinee.cli.failure import failure
from matinee.errors import UsageError

LOG = "OSError: [Errno 28] No space left on device: '/lake/x.parquet'\n"


def test_a_log_is_explained_as_json(tmp_path: Path) -> None:
    log = tmp_path / "task.log"
    log.write_text(LOG)
    told = CliRunner().invoke(failure, ["explain", "--log", str(log), "--output", "json"], catch_exceptions=False)
    readout = json.loads(told.output)
    assert (readout["class"], readout["retryable"], readout["pattern"]) == ("resource", False, "disk_full")
    assert readout["cause"] == f"A disk is full: {LOG.strip()}"
    assert readout["evidence"] == [f"1: {LOG.strip()}"]
    assert readout["next_step"].startswith("Free space")


def test_standard_input_is_explained_for_people() -> None:
    told = CliRunner().invoke(failure, ["explain", "--log", "-"], input=LOG, catch_exceptions=False)
    assert "resource" in told.output
    assert "A disk is full" in told.output


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.log cannot be read: No such file or directory\..* Next: Name the file"):
        CliRunner().invoke(failure, ["explain", "--log", str(tmp_path / "no.log")], catch_exceptions=False)
