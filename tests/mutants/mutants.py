"""The mutants of the code: which there are, which are drawn, and which are equal to the code by a reason given."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.mutants.edits import edits
from tests.mutants.reached import CODE, Reach

EQUAL = Path(__file__).with_name("equal.yaml")


@dataclass(frozen=True)
class Mutant:
    """An edit of a module; `path` is below `CODE`, `lines` are those of the edited statement."""

    path: str
    number: int
    function: str
    line: int
    source: str  # The line as it stands, without indentation.
    edit: str
    lines: range

    @property
    def name(self) -> str:
        """A name that edits elsewhere in the module leave as it is, but for twins in one function."""
        return f"{self.path}:{self.function}:{self.source}:{self.edit}"


@dataclass(frozen=True)
class Equal:
    """A mutant that behaves like the code, and why."""

    path: str
    line: str
    edit: str
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        """Tell whether the mutant is this one."""
        return (self.path, self.line, self.edit) == (mutant.path, mutant.source, mutant.edit)


def mutants_of(file: Path) -> list[Mutant]:
    """Return all mutants of a module."""
    text = file.read_text()
    lines = text.splitlines()
    path = str(file.relative_to(CODE))
    return [
        Mutant(path, number, edit.function, edit.line, lines[edit.line - 1].strip(), edit.text, edit.lines)
        for number, edit in enumerate(edits(ast.parse(text)))
    ]


def drawn(mutants: Iterable[Mutant], sample: int | None, seed: int) -> list[Mutant]:
    """Return `sample` mutants, or all; an edit of the code changes few of the draws."""

    def draw(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed}:{mutant.name}".encode()).hexdigest()

    chosen = sorted(mutants, key=lambda mutant: (draw(mutant), mutant.number))[:sample]
    return sorted(chosen, key=lambda mutant: (mutant.path, mutant.number))


def known_equal(file: Path = EQUAL) -> list[Equal]:
    """Return the mutants that are known to be equal."""
    return [Equal(**entry) for entry in yaml.safe_load(file.read_text()) or []]


def stale(equal: Iterable[Equal], mutants: Sequence[Mutant]) -> list[Equal]:
    """Return the entries about these mutants' modules that fit none: the line or the edit is no more."""
    paths = {mutant.path for mutant in mutants}
    return [entry for entry in equal if entry.path in paths and not any(entry.fits(mutant) for mutant in mutants)]


def reaching(mutant: Mutant, reaches: Iterable[Reach], seconds: float) -> list[str]:
    """Return the tests that reach a mutant: all of its module's, then from each file the cheapest, the next, and so on.

    What stands outside functions is reached by whoever reaches the module. The tests take up to `seconds` together.
    """
    package, stem = Path(mutant.path).parts[0], Path(mutant.path).stem
    ranks = Counter[str]()
    queue: list[tuple[tuple[bool, int, bool], Reach]] = []
    for reach in sorted(reaches, key=lambda reach: reach.seconds):
        lines = reach.lines.get(mutant.path)
        if lines and (not mutant.function or not set(mutant.lines).isdisjoint(lines)):
            file = Path(reach.test.split("::", maxsplit=1)[0])
            is_near = file.stem == f"test_{stem}"
            queue.append(((not is_near, 0 if is_near else ranks[str(file)], package not in file.parts), reach))
            ranks[str(file)] += 1
    tests, spent = [], 0.0
    for _, reach in sorted(queue, key=lambda entry: entry[0]):
        if tests and spent + reach.seconds > seconds:
            break
        spent += reach.seconds
        tests.append(reach.test)
    return tests
