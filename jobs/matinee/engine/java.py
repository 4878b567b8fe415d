"""Java: installed and of a version that Spark 4.1 runs on, or a clear error."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from matinee.errors import EnvironmentNotReadyError

SUPPORTED = (17, 21)


def check_java() -> int:
    """Return the major version of the Java that Spark will start.

    Raises:
        EnvironmentNotReadyError: Java is not installed, or Spark 4.1 does not run on it.
    """
    java = _java()
    if java is None:
        raise EnvironmentNotReadyError(
            "Java was not found.", next_step="Install a Java 17 or 21 runtime, or point JAVA_HOME at one."
        )
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    match = re.search(r'version "(\d+)', shown)
    major = int(match[1]) if match else 0
    if major not in SUPPORTED:
        raise EnvironmentNotReadyError(
            f"Java {major or 'of an unknown version'} at {java} does not run Spark 4.1.",
            next_step="Install a Java 17 or 21 runtime, or point JAVA_HOME at one.",
            facts={"java": java, "version": shown.strip().splitlines()[0] if shown.strip() else ""},
        )
    return major


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").is_file():
        return str(Path(home) / "bin" / "java")
    return shutil.which("java")
