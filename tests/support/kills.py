"""Kills: a process that kills itself at a fault point, and the test modules that do so for the points of each step."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from matinee import faults
from matinee.settings import Settings

#: The steps that have fault points, each with the module whose tests kill at all of them.
KILLED_IN = {
    "ingest": "test_landing_commits",
    "write": "test_faults",
    "audit": "test_faults",
    "publish": "test_faults",
    "heal": "test_faults",
    "withdraw": "test_upkeep_kills",
    "recover": "test_upkeep_kills",
    "compact": "test_compaction",
    "expire": "test_upkeep_kills",
    "drop": "test_pin_kills",
    "pin": "test_pin_kills",
    "stream": "test_stream_kills",
    "parity": "test_stream_kills",
    "retire": "test_retirement",
    "lake": "test_upgrade",
    "upgrade": "test_upgrade",
    "backup": "test_backup",
    "restore": "test_backup",
    "kv": "test_serving_kills",
    "delta": "test_delta_kills",
}


def points_of(*steps: str) -> list[str]:
    """Return the fault points of some steps, in order."""
    return [point for point in faults.POINTS if point.split(".")[0] in steps]


def die(settings: Settings, point: str, marker: Path, *arguments: str) -> None:
    """Run Python in a process of its own that kills itself at a point; prove that it got there."""
    environment = os.environ | {
        "MATINEE_HOME": str(settings.home),
        "MATINEE_ENGINE": settings.engine,
        "SPARK_REMOTE": settings.spark_remote or "",
        "MATINEE_FAULT": point,
        "MATINEE_FAULT_MARKER": str(marker),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert marker.read_text().strip() == point
