"""What the stack needs before it starts: each lack is an error with the next step."""

import os
import shutil
import sys
from pathlib import Path

from matinee.engine.java import check_java
from matinee.engine.options import jar_files
from matinee.engine.server import listens
from matinee.errors import EnvironmentNotReadyError
from matinee.settings import Settings
from matinee.stack.environment import StackSettings

NEEDED_BYTES = 2 * 1024**3


def check_machine(settings: Settings, ours: StackSettings) -> None:
    """Check Java, jars, Airflow, the home, its disk and ports.

    Raises:
        EnvironmentNotReadyError: the first of these that is not usable.
    """
    check_java()
    jar_files(settings)
    airflow_command()
    _check_name(str(settings.home.absolute()))
    _check_disk(settings.home.absolute())
    _check_port(ours.spark_port, "MATINEE_SPARK_PORT")
    _check_port(ours.airflow_port, "MATINEE_AIRFLOW_PORT")


def airflow_command() -> str:
    """Return the `airflow` command of this environment.

    Raises:
        EnvironmentNotReadyError: Airflow is not installed here.
    """
    command = Path(sys.executable).with_name("airflow")
    if not command.is_file():
        raise EnvironmentNotReadyError("Airflow is not installed here.", next_step="Run `make env`.")
    return str(command)


def _check_name(home: str) -> None:
    if os.path.expandvars(home) != home:
        raise EnvironmentNotReadyError(
            f"The path {home} holds the name of a variable, which Airflow would replace by its value.",
            next_step="Choose a folder without `$` with MATINEE_HOME.",
            facts={"home": home},
        )


def _check_disk(folder: Path) -> None:
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if free < NEEDED_BYTES:
        raise EnvironmentNotReadyError(
            f"Only {free / 1024**3:.1f} GiB are free on the disk of {folder}; the lakehouse needs 2.",
            next_step="Free some space, or choose another folder with MATINEE_HOME.",
            facts={"home": folder, "free_bytes": free},
        )


def _check_port(port: int, setting: str) -> None:
    if listens(port):
        raise EnvironmentNotReadyError(
            f"Port {port} is taken.",
            next_step=f"Stop what listens there (`make down` if it is this lakehouse), or set {setting} to a free one.",
            facts={"port": port},
        )
