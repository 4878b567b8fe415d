"""An older version of the package: built from the repository's history, run in processes of its own."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from matinee.engine.access import VARIABLE, process_token
from matinee.settings import CHECKOUT, Settings
from tests.support.catalogs import required

#: The last version whose modules lay elsewhere; a lake of that version has to open.
COMMIT = "0c7f7dc4139cbe18d7fa42e2fd3b90f13d38757b"


@dataclass(frozen=True)
class Older:
    """The command line of the older version on a lake; `package`: the folder that its wheel was unpacked to."""

    package: Path
    settings: Settings

    def call(self, *arguments: object) -> None:
        """Run a command, which has to succeed."""
        done = self._run({}, *arguments)
        assert done.returncode == 0, done.stderr

    def die(self, point: str, *arguments: object) -> None:
        """Run a command that kills itself at a fault point; prove that it got there."""
        marker = self.settings.home / f"killed_at_{point}"
        done = self._run({"MATINEE_FAULT": point, "MATINEE_FAULT_MARKER": str(marker)}, *arguments)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert marker.read_text().strip() == point

    def _run(self, extra: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
        remote = self.settings.spark_remote
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE} | {
            "MATINEE_HOME": str(self.settings.home),
            "MATINEE_ENGINE": self.settings.engine,
            "MATINEE_JARS_DIR": str(self.settings.jars_dir),
            # An older version would also show a token of the environment to Sail, which then expects TLS.
            "SPARK_REMOTE": f"{remote}/;token={process_token()}" if remote else "",
            # Only this: the checkout's own package must not be found.
            "PYTHONPATH": str(self.package),
        }
        command = [sys.executable, "-m", "matinee.cli.main", *map(str, arguments)]
        home = self.settings.home
        return subprocess.run(
            command, cwd=home, env=environment | extra, capture_output=True, text=True, timeout=180, check=False
        )


def unpack_wheel(folder: Path) -> Path:
    """Build the wheel of COMMIT and return the folder that it was unpacked to; skip where the history lacks it."""
    look = ["git", "cat-file", "-e", f"{COMMIT}^{{commit}}"]
    checked = subprocess.run(look, cwd=CHECKOUT, capture_output=True, check=False) if shutil.which("git") else None
    if checked is None or checked.returncode != 0:
        required("history", f"commit {COMMIT[:7]} is not in this copy of the repository")
    tree, package = folder / "tree", folder / "package"
    archive = subprocess.run(["git", "archive", COMMIT], cwd=CHECKOUT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(tree, filter="data")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=tree, check=True, capture_output=True)
    [wheel] = folder.glob("matinee-*.whl")
    shutil.unpack_archive(wheel, package, "zip")
    where = [sys.executable, "-c", "import matinee; print(matinee.__file__)"]
    imported = subprocess.run(
        where, cwd=folder, env=os.environ | {"PYTHONPATH": str(package)}, capture_output=True, text=True, check=True
    )
    assert imported.stdout.startswith(str(package)), imported.stdout
    return package
