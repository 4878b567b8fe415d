"""Fetch the jars of a list through the Ivy that Spark ships, check each by its SHA-256, and put them into a folder.

Usage: python deploy/fetch_jars.py deploy/jars.txt .jars
"""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
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
    """Have the Ivy that Spark ships fetch jars into `ivy/jars`, without what they depend on: the list is complete."""
    wanted = "".join(
        f'<dependency org="{group}" name="{artifact}" rev="{version}" transitive="false" conf="default"/>'
        for group, artifact, version in (name.split(":") for name in coordinates)
    )
    module = '<info organisation="matinee" module="jars"/><configurations><conf name="default"/></configurations>'
    file = ivy / "ivy.xml"
    file.write_text(f'<ivy-module version="2.0">{module}<dependencies>{wanted}</dependencies></ivy-module>')
    [program] = (Path(sysconfig.get_paths()["purelib"]) / "pyspark" / "jars").glob("ivy-*.jar")
    pattern = ivy / "jars" / "[organisation]_[artifact]-[revision].[ext]"
    arguments = ["-cache", str(ivy / "cache"), "-ivy", str(file), "-confs", "default", "-retrieve", str(pattern)]
    done = subprocess.run(  # noqa: S603
        ["java", "-jar", str(program), "-error", *arguments],  # noqa: S607 - deploy/check_machine.sh has found it
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = " ".join((done.stdout + done.stderr).split())[:300]
        sys.exit(f"matinee: jars could not be fetched: {words}. Next: check the network, then run the same again.")


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
        sys.exit(f"matinee: {', '.join(wrong)} is not the jar of the list. Next: check {sys.argv[1]}; it was removed.")
    for stray in set(folder.glob("*.jar")) - {folder / jar_name(name) for name in wanted}:
        stray.unlink()


if __name__ == "__main__":
    main()
