"""The project's own files keep their promises about addresses, pages, settings and sizes."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.verify import STEPS

from matinee.settings import CHECKOUT, EnvironmentSettings, Settings

ENVIRONMENTS = sorted((CHECKOUT / "deploy" / "env").glob("*.env.example"))


def tracked() -> list[Path]:
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [CHECKOUT / name for name in listed.splitlines() if (CHECKOUT / name).is_file()]


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


def variables(kind: type[EnvironmentSettings]) -> Iterator[str]:
    """Yield the variables that settings are read from, those of their groups included."""
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, EnvironmentSettings):
            yield from variables(field.annotation)
        yield f"{kind.model_config.get('env_prefix', '')}{name}".upper()


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.name)
def test_every_example_of_settings_is_accepted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matinee.stack.environment import StackSettings
    from matinee_airflow.config import AirflowSettings

    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    values = dict(line.split("=", maxsplit=1) for line in lines)
    assert {*values} <= {name for kind in (Settings, AirflowSettings, StackSettings) for name in variables(kind)}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert Settings().catalog == values["MATINEE_CATALOG"]
    assert AirflowSettings()
    assert StackSettings()


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
