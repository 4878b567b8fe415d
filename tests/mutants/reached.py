"""Which lines each unit test reaches, and how long the test takes: read from files that an earlier run wrote."""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.mutants.processes import in_child

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "jobs" / "matinee"
ARGUMENTS = (
    *("-q", "--disable-plugin-autoload", "-p", "pytest_timeout", "-p", "no:cacheprovider"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # The plugin was imported before the process was made.
)
#: A test that takes longer than this, tracing included, is broken.
LIMIT_S = 900.0


@dataclass(frozen=True)
class Reach:
    """A unit test: its CPU seconds, and the lines that it reaches in functions, by the module's path below `CODE`."""

    test: str
    seconds: float
    lines: dict[str, list[int]]


def digest(*paths: Path) -> str:
    """Return a hash of files and of all Python files of folders."""
    files = sorted(file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py")))
    return hashlib.sha256(b"".join(str(file).encode() + file.read_bytes() for file in files)).hexdigest()[:16]


def support() -> list[Path]:
    """Return what every unit test depends on."""
    return [CODE, ROOT / "tests" / "support", ROOT / "tests" / "conftest.py"]


def reaches(test_file: Path, cache: Path) -> list[Reach]:
    """Return what each test of a file reaches; RuntimeError where a test fails on the code as it is."""
    stored = cache / f"{test_file.stem}-{digest(*support(), test_file)}.json"
    if not stored.is_file():
        traced = in_child(lambda: _traced(test_file), cache.parent / "scratch", LIMIT_S)
        cache.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps(traced))
    return [Reach(**test) for test in json.loads(stored.read_text())]


def _traced(test_file: Path) -> list[dict[str, Any]]:
    tracer = Tracer()
    ended = pytest.main([*ARGUMENTS, str(test_file)], plugins=[tracer])
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"tests of {test_file} fail on the code as it is")
    return tracer.tests


@dataclass
class Tracer:
    """A plugin of pytest that notes lines and seconds of each test."""

    tests: list[dict[str, Any]] = field(default_factory=list)
    lines: set[tuple[str, int]] = field(default_factory=set)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Trace a test with its fixtures."""
        self.lines.clear()
        start = time.process_time()
        sys.settrace(self._call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            lines: dict[str, list[int]] = {}
            for path, line in sorted(self.lines):
                lines.setdefault(str(Path(path).relative_to(CODE)), []).append(line)
            seconds = round(time.process_time() - start, 3)
            self.tests.append({"test": item.nodeid, "seconds": seconds, "lines": lines})

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        path = frame.f_code.co_filename
        if not path.startswith(str(CODE)) or frame.f_code.co_name == "<module>":
            return None

        def line(frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
            if event == "line":
                self.lines.add((path, frame.f_lineno))
            return line

        self.lines.add((path, frame.f_lineno))
        return line
