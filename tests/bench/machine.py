"""The machine: what a figure depends on besides the code."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime

import psutil

from matinee.settings import CHECKOUT
from tests.bench.inputs import MEMORY
from tests.bench.jobs import CORES

PACKAGES = ("pyspark", "pysail", "duckdb", "polars", "pyarrow", "pyiceberg")


def facts() -> dict[str, object]:
    """Return cores, memory, load and versions, as JSON values."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    changed = subprocess.run(["git", "status", "--short"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return {
        "cores": os.cpu_count(),
        "cores_used": CORES,
        "memory_bytes": psutil.virtual_memory().total,
        "engine_memory": MEMORY,
        "load_before": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "commit": commit.stdout.strip(),
        "commit_changed": bool(changed.stdout.strip()),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }
