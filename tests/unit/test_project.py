"""The project's own files keep their promises about machines, addresses, packages and sizes."""

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from tests.verify import STEPS

from matinee.settings import CHECKOUT, Settings

BASH = "/bin/bash"
ENVIRONMENTS = sorted((CHECKOUT / "deploy" / "env").glob("*.env.example"))


def tracked() -> list[Path]:
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [CHECKOUT / name for name in listed.splitlines() if (CHECKOUT / name).is_file()]


def test_the_environment_lacks_only_the_client_that_overwrites_pyspark() -> None:
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert len(checked.stdout.strip().splitlines()) == 1
    assert "requires pyspark-client, which is not installed" in checked.stdout


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (CHECKOUT / "requirements.lock").read_text()
    assert "://" not in lock
    packages = re.findall(r"^[a-z0-9][^\s=]*==\S+ \\$", lock, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE))
    assert lock.count("--hash=sha256:") >= len(packages)


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    hosts = [
        "pypi" + ".org",
        "python" + "hosted",
        "repo1." + "maven",
        "maven" + ".org",
        "npmjs" + ".org",
        "deb.debian" + ".org",
    ]
    named = [
        (path.name, word)
        for path in tracked()
        for word in [*hosts, "/root" + "/", "/work" + "/"]
        if word in path.read_text(errors="ignore")
    ]
    assert named == []


def test_every_module_that_a_page_names_is_there() -> None:
    pages = [path for path in tracked() if path.suffix == ".md"]
    named = {name for page in pages for name in re.findall(r"`([\w/]+/\w+\.py)", page.read_text())}
    folders = [CHECKOUT, CHECKOUT / "jobs", CHECKOUT / "jobs" / "matinee"]
    missing = {name for name in named if not any((folder / name).is_file() for folder in folders)}
    assert missing == {"dags/title_daily.py"}  # The module of the example in sql/README.md.


def test_every_jar_of_the_list_is_there_with_its_checksum() -> None:
    listed = (line.split("#")[0].split() for line in (CHECKOUT / "deploy" / "jars.txt").read_text().splitlines())
    lines = [line for line in listed if line]
    wanted = {f"{g}_{a}-{v}.jar": digest for (g, a, v), digest in ((name.split(":"), digest) for name, digest in lines)}
    present = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in (CHECKOUT / ".jars").glob("*.jar")}
    assert present == wanted


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.name)
def test_every_example_of_settings_is_accepted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matinee.stack.environment import StackSettings
    from matinee_airflow.config import AirflowSettings

    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    values = dict(line.split("=", maxsplit=1) for line in lines)
    known = {name for kind in (Settings, AirflowSettings, StackSettings) for name in kind.model_fields}
    assert {name.removeprefix("MATINEE_").lower() for name in values} <= known
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert Settings().catalog == values["MATINEE_CATALOG"]
    assert AirflowSettings()
    assert StackSettings()


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


def test_every_slow_test_on_real_parts_stands_in_a_step_of_verify() -> None:
    named = {path for arguments in STEPS.values() for path in arguments}
    paths = [path for folder in ("integration", "e2e") for path in (CHECKOUT / "tests" / folder).glob("test_*.py")]
    slow = {str(path.relative_to(CHECKOUT)) for path in paths if "mark.slow" in path.read_text()}
    assert slow - named == set()


def test_functions_and_modules_keep_their_sizes() -> None:
    modules = {path: path.read_text() for path in tracked() if path.suffix == ".py"}
    allowed = {path: 80 if path.parent == CHECKOUT / "dags" else 300 for path in modules}
    assert [path.name for path, text in modules.items() if len(text.splitlines()) > allowed[path]] == []
    assert [name for path, text in modules.items() for name in long_functions(path, text)] == []


def long_functions(path: Path, text: str) -> list[str]:
    """Return the functions whose body, without signature and docstring, has more than 40 lines."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    bodies = {node: node.body[1:] if ast.get_docstring(node) else node.body for node in functions}
    return [f"{path.name}:{node.name}" for node, body in bodies.items() if body and length(body) > 40]


def length(body: list[ast.stmt]) -> int:
    return (body[-1].end_lineno or 0) - body[0].lineno + 1
