"""The environment, the jars, the check of a machine and the wheel, as programs of their own see them."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from matinee.settings import CHECKOUT

BASH = "/bin/bash"


def test_the_environment_lacks_only_the_client_that_overwrites_pyspark() -> None:
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert len(checked.stdout.strip().splitlines()) == 1
    assert "requires pyspark-client, which is not installed" in checked.stdout


def test_every_jar_of_the_list_is_there_with_its_checksum() -> None:
    listed = (line.split("#")[0].split() for line in (CHECKOUT / "deploy" / "jars.txt").read_text().splitlines())
    lines = [line for line in listed if line]
    wanted = {f"{g}_{a}-{v}.jar": digest for (g, a, v), digest in ((name.split(":"), digest) for name, digest in lines)}
    present = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in (CHECKOUT / ".jars").glob("*.jar")}
    assert present == wanted


def check_machine(path: str) -> subprocess.CompletedProcess[str]:
    command = [BASH, str(CHECKOUT / "deploy" / "check_machine.sh"), sys.executable]
    environment = {"PATH": path, "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_machine_without_java_is_told_so_in_one_line(tmp_path: Path) -> None:
    for tool in ("sed", "head", "df", "awk"):
        (tmp_path / tool).symlink_to(Path("/usr/bin") / tool)
    done = check_machine(str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "matinee: Java was not found. Next: install a Java 17 or 21 runtime, or point JAVA_HOME at one."
    )


def test_a_java_that_spark_does_not_run_on_is_named(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    done = check_machine(f"{tmp_path}:/usr/bin:/bin")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "Java 11 does not run Spark 4.1" in done.stderr


def test_the_wheel_holds_the_package_and_the_datasets(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "matinee/_sql/core/plays/contract.odcs.yaml" in names
    assert "matinee/_sql/audits/event_lost.sql" in names
    assert "matinee/publication/steps.py" in names
    assert not [name for name in names if name.startswith(("tests", "dags", "plugins"))]


def test_a_cluster_that_gets_the_wheel_as_a_zip_finds_what_is_registered(wheel: Path, tmp_path: Path) -> None:
    archive = shutil.copy(wheel, tmp_path / "matinee.zip")
    code = (
        "import json, sys, matinee; from matinee import hooks;"
        "loaded = {group: sorted(name for name, entry in hooks.registered(group).items() if entry.load() is not None)"
        " for group in sys.argv[1:]};"
        "print(json.dumps([matinee.__file__, loaded]))"
    )
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["entry-points"]
    command = [sys.executable, "-c", code, *declared]
    environment = os.environ | {"PYTHONPATH": str(archive)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    file, loaded = json.loads(done.stdout)
    assert file.startswith(str(archive))
    assert loaded == {group: sorted(names) for group, names in declared.items()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        ".",
    ]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    return next(folder.glob("matinee-*.whl"))
