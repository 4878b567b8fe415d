"""Run the tests that reach a mutant with the mutant's module in the place of the real one."""

import ast
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests.mutants.edits import edited
from tests.mutants.processes import ChildFailedError, in_child
from tests.mutants.reached import ARGUMENTS, CODE

#: Seconds after which a process with a mutant is ended; a test that loops ends earlier, by pytest's own limit.
LIMIT_S, TEST_LIMIT_S = 300.0, 30


class MutantLoader(SourceFileLoader):
    """Load a module from another tree than that of its file."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self.code = compile(tree, path, "exec")

    def get_code(self, fullname: str) -> CodeType:
        """Return the mutant's code."""
        return self.code


@dataclass(frozen=True)
class MutantFinder(MetaPathFinder):
    """Find one module as a mutant."""

    module: str
    path: Path
    tree: ast.Module

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the mutant's spec for its name."""
        if fullname != self.module:
            return None
        loader = MutantLoader(fullname, str(self.path), self.tree)
        folders = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        return spec_from_file_location(fullname, self.path, loader=loader, submodule_search_locations=folders)


@dataclass
class Chosen:
    """A plugin of pytest that runs the chosen tests in their order, until one fails or they have had their seconds."""

    tests: Sequence[str]
    seconds: float
    noticed_by: str | None = None
    start: float = field(default_factory=time.process_time)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen tests."""
        by_name = {item.nodeid: item for item in items}
        items[:] = [by_name[test] for test in self.tests if test in by_name]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the first test that fails."""
        if report.failed:
            self.noticed_by = self.noticed_by or report.nodeid

    def pytest_runtest_logfinish(self) -> None:
        """Start no further test after the seconds."""
        if time.process_time() - self.start > self.seconds:
            pytest.exit("out of time", returncode=0)


def noticed_by(path: str, number: int, tests: Sequence[str], seconds: float, scratch: Path) -> str | None:
    """Return the test that fails with that edit of the module `path` below `CODE`, or None."""
    try:
        return in_child(lambda: _try(path, number, tests, seconds), scratch, LIMIT_S)
    except ChildFailedError as error:
        return f"{tests[0].split('::')[0]} {error}"


def _try(path: str, number: int, tests: Sequence[str], seconds: float) -> str | None:
    file = CODE / path
    module = ".".join(["matinee", *Path(path).with_suffix("").parts]).removesuffix(".__init__")
    sys.meta_path.insert(0, MutantFinder(module, file, edited(file.read_text(), number)))
    chosen = Chosen(tests, seconds)
    files = dict.fromkeys(test.split("::")[0] for test in tests)
    ended = pytest.main([*ARGUMENTS, "-x", "-o", f"timeout={TEST_LIMIT_S}", *files], plugins=[chosen])
    return chosen.noticed_by or (None if ended == pytest.ExitCode.OK else f"{next(iter(files))} cannot be imported")
