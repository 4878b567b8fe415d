"""Java: installed and of a version that Spark 4.1 runs on, or a clear error."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from matinee.errors import EnvironmentNotReadyError

SUPPORTED = (17, 21)
#: Variables of other installations: they name another Spark or its configuration, or change every JVM.
_FOREIGN = re.compile(r"((PY)?SPARK|HADOOP|HIVE|YARN)_|(JAVA_TOOL|JDK_JAVA|_JAVA)_OPTIONS$|CLASSPATH$")


def check_java() -> int:
    """Return the major version of the Java that Spark will start.

    Raises:
        EnvironmentNotReadyError: Java is not installed, or Spark 4.1 does not run on it.
    """
    java = java_command()
    asked = [java, "-version"]
    shown = subprocess.run(asked, capture_output=True, text=True, check=False, env=java_environment()).stderr  # noqa: S603
    match = re.search(r'version "(\d+)', shown)
    major = int(match[1]) if match else 0
    if major not in SUPPORTED:
        raise EnvironmentNotReadyError(
            f"Java {major or 'of an unknown version'} at {java} does not run Spark 4.1.",
            next_step="Install a Java 17 or 21 runtime, or point JAVA_HOME at one.",
            facts={"java": java, "version": shown.strip().splitlines()[0] if shown.strip() else ""},
        )
    return major


def java_command() -> str:
    """Return the Java of JAVA_HOME, else the first on the path.

    Raises:
        EnvironmentNotReadyError: Java is not installed.
    """
    java = shutil.which("java", path=f"{os.environ.get('JAVA_HOME') or os.devnull}/bin") or shutil.which("java")
    if java is None:
        raise EnvironmentNotReadyError(
            "Java was not found.", next_step="Install a Java 17 or 21 runtime, or point JAVA_HOME at one."
        )
    return java


def java_environment() -> dict[str, str]:
    """Return the environment of our own JVMs: this process's, without the settings of other installations, in UTF-8.

    Raises:
        EnvironmentNotReadyError: Java is not installed.
    """
    ours = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    # In the C locale a JVM reads no path with other letters than those of ASCII.
    return ours | {"JAVA_HOME": str(Path(java_command()).resolve().parents[1]), "LC_ALL": "C.UTF-8"}
