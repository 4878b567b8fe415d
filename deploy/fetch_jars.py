"""Fetch the jars of a list through Spark's Ivy, check each against its SHA-256, and put them into a folder.

Usage: python deploy/fetch_jars.py deploy/jars.txt .jars
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def read_list(path: Path) -> dict[str, str]:
    """Return coordinates and checksums."""
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return {line[0]: line[1] for line in lines if line}


def jar_name(coordinates: str) -> str:
    """Return the file name that Ivy gives a jar: group_artifact-version.jar."""
    group, artifact, version = coordinates.split(":")
    return f"{group}_{artifact}-{version}.jar"


def missing(wanted: dict[str, str], folder: Path) -> list[str]:
    """Return the coordinates whose jar is not in the folder, or is not the one of the list."""
    return [name for name, digest in wanted.items() if sha256(folder / jar_name(name)) != digest]


def sha256(path: Path) -> str | None:
    """Return the checksum of a file, None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def resolve(coordinates: list[str], ivy: Path) -> None:
    """Have Spark's Ivy fetch jars into `ivy/jars`, without what they depend on: the list is complete."""
    program = ivy / "resolved.py"
    program.write_text("")
    folder = Path(sys.executable).parent
    arguments = ["--packages", ",".join(coordinates), "--conf", f"spark.jars.ivy={ivy}"]
    excluded = ["--exclude-packages", "org.slf4j:slf4j-api,org.checkerframework:checker-qual"]
    environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(  # noqa: S603
        [str(folder / "spark-submit"), *arguments, *excluded, str(program)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        cause = next((line.strip() for line in lines if "Exception" in line or "UNRESOLVED" in line), lines[-1])
        sys.exit(f"matinee: the jars could not be fetched: {cause}. Next: check the network and run `make jars` again.")


def main() -> None:
    """Fetch what is missing; a second run fetches nothing."""
    # Ivy takes no relative folder.
    wanted, folder = read_list(Path(sys.argv[1])), Path(sys.argv[2]).absolute()
    folder.mkdir(exist_ok=True)
    absent = missing(wanted, folder)
    if absent:
        with tempfile.TemporaryDirectory(dir=folder) as ivy:
            resolve(absent, Path(ivy))
            for name in absent:
                shutil.move(Path(ivy) / "jars" / jar_name(name), folder / jar_name(name))
    wrong = missing(wanted, folder)
    if wrong:
        for name in wrong:
            (folder / jar_name(name)).unlink(missing_ok=True)
        sys.exit(
            f"matinee: {', '.join(wrong)} is not the jar of the list. Next: check deploy/jars.txt; it was removed."
        )
    for stray in set(folder.glob("*.jar")) - {folder / jar_name(name) for name in wanted}:
        stray.unlink()


if __name__ == "__main__":
    main()
