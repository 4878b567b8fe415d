"""What became of mutants: kept in a file, so that a run goes on where the last was ended."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutants import edits
from tests.mutants.mutants import Mutant
from tests.mutants.reached import CODE, ROOT, digest, support


@dataclass(frozen=True)
class Result:
    """A mutant and the test that noticed it; `tried` is how many tests ran at most."""

    mutant: Mutant
    noticed_by: str | None
    tried: int
    seconds: float
    reason: str | None = None  # Why the mutant is equal to the code.

    @property
    def document(self) -> dict[str, object]:
        """The result as JSON holds it."""
        names = ("path", "line", "function", "source", "edit")
        return {name: getattr(self.mutant, name) for name in names} | {
            "noticed_by": self.noticed_by,
            "tried": self.tried,
            "seconds": self.seconds,
            "reason": self.reason,
        }


class Store:
    """Results by the state of what they depend on.

    A mutant that was noticed depends on its module and on the file of the test that noticed; a survivor on all code,
    on all tests, and on the seconds that they had.
    """

    def __init__(self, folder: Path, tests: list[Path], seconds: float) -> None:
        self.file = folder / "results.jsonl"
        self.all = f"{digest(*support(), *tests)}:{seconds}"
        lines = self.file.read_text().splitlines() if self.file.is_file() else []
        self.records: dict[str, dict[str, Any]] = {str(record["key"]): record for record in map(json.loads, lines)}

    def get(self, mutant: Mutant) -> Result | None:
        """Return the result of a mutant where nothing that it depends on has changed."""
        record = self.records.get(self._key(mutant))
        if record is None or record["state"] != self._state(record["noticed_by"]):
            return None
        return Result(mutant, record["noticed_by"], record["tried"], record["seconds"])

    def put(self, result: Result) -> None:
        """Keep a result."""
        record = {
            "key": self._key(result.mutant),
            "state": self._state(result.noticed_by),
            "noticed_by": result.noticed_by,
            "tried": result.tried,
            "seconds": result.seconds,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def _key(self, mutant: Mutant) -> str:
        return f"{digest(CODE / mutant.path, Path(edits.__file__))}:{mutant.path}:{mutant.number}"

    def _state(self, noticed_by: object) -> str:
        if noticed_by is None:
            return self.all
        test_file = ROOT / str(noticed_by).split("::", maxsplit=1)[0].split(" ", maxsplit=1)[0]
        return digest(test_file) if test_file.is_file() else "gone"
