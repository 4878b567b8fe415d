"""The way of a row: the modules of the package in which a function runs from a landing file to the training set."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType

from matinee.engine.session import same_server
from matinee.landing.ingest import close_through, ingest
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import PACKAGE, Engine, load_settings
from tests.bench import machine
from tests.bench.inputs import CHAIN
from tests.bench.tables import OUT
from tests.support.lakes import D1
from tests.support.streams import drop_files, impression, play


@dataclass(frozen=True)
class Modules:
    """The functions that ran, by module, in their order."""

    document: dict[str, object]
    functions: dict[str, list[str]]
    failures: tuple[str, ...] = ()

    def print(self) -> None:
        """Print a line for each module."""
        for module, names in self.functions.items():
            OUT.print(f"{len(names):4d}  {module}", highlight=False)
        OUT.print(f"{len(self.functions)} modules, {sum(map(len, self.functions.values()))} functions", highlight=False)

    def save(self, folder: Path) -> None:
        """Write its JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "modules.json").write_text(json.dumps(self.document, indent=2) + "\n")


def measure_modules(engine: Engine) -> Modules:
    """Land an impression and its play, publish the four datasets of their day, and note each function that runs."""
    with TemporaryDirectory() as folder:
        settings = load_settings(home=Path(folder) / "home", catalog="embedded", engine=engine)
        landing = Path(folder) / "landing"
        drop_files(landing, "1", [impression(1)], [play(1)])
        ran: set[CodeType] = set()
        with same_server(settings) as running:
            with noted(ran):
                ingest(running, None, [landing])
            close_through(running, None, D1)
            with noted(ran):
                for dataset in CHAIN:
                    run(running, RunRequest(dataset, D1, D1))
    functions = by_module(ran)
    document = {"machine": machine.facts(), "engine": engine, "modules": len(functions), "functions": functions}
    return Modules(document, functions)


@contextmanager
def noted(ran: set[CodeType]) -> Iterator[None]:
    """Note the code of each function that runs in a block, in any thread of this process."""

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            ran.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type] - as the library's own documentation has it


def by_module(ran: set[CodeType]) -> dict[str, list[str]]:
    """Return the names of functions of the package by their modules; what a module runs when it is imported is none."""
    functions: dict[str, list[str]] = {}
    for code in ran:
        path = Path(code.co_filename)
        if path.is_relative_to(PACKAGE) and code.co_name != "<module>" and not code.co_name.startswith("<"):
            functions.setdefault(path.relative_to(PACKAGE).as_posix(), []).append(code.co_qualname)
    return {module: sorted(functions[module]) for module in sorted(functions)}
