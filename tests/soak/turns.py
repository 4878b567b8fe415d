"""Turns: what a worker does over and over, what came of it, and the journal in which the others can read that."""

import json
import os
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from matinee.errors import (
    CommitConflictError,
    InputsNotValidError,
    MatineeError,
    StaleInputsError,
    WithdrawnError,
)
from tests.soak.invariants import Violation

#: Errors that may end a turn: somebody else was first, an input is not there yet, or an operator withdrew it.
EXPECTED = (CommitConflictError, StaleInputsError, InputsNotValidError, WithdrawnError)


@dataclass
class Turn:
    """What came of one turn, beside publications: those are in the journal at once, a turn may have many.

    `met` counts the errors of Matinee by type, those it has got over by itself too.
    """

    commits: int = 0
    reads: int = 0
    violations: list[Violation] = field(default_factory=list)
    met: dict[str, int] = field(default_factory=dict)
    ended_by: str | None = None
    trace: str | None = None


class Worker(Protocol):
    """A role: `turn` does one piece of work and notes in the turn what it has done, also where it then fails."""

    def turn(self, turn: Turn) -> None:
        """Do it once."""


class Journal:
    """The file of one worker: when it was ready, when a turn began, each publication, what came of the turn."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, kind: str, **values: object) -> None:
        """Append a line, whole or not at all."""
        line = json.dumps({"kind": kind, "at": time.time(), **values}).encode() + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines so far."""
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def busy_since(self) -> float | None:
        """Return when the turn began that has not ended, also where its worker was killed; None between turns."""
        last = [line for line in self.lines() if line["kind"] in ("begun", "ended")][-1:]
        return next((line["at"] for line in last if line["kind"] == "begun"), None)


def take(worker: Worker, journal: Journal) -> None:
    """Let a worker do one turn and note in its journal what came of it."""
    turn = Turn()
    journal.write("begun")
    with _counted(turn.met):
        try:
            worker.turn(turn)
        except EXPECTED as error:
            turn.ended_by = type(error).__name__
        except Exception as error:  # noqa: BLE001 - whatever it is, the summary shows it
            turn.ended_by, turn.trace = type(error).__name__, traceback.format_exc()
    journal.write("ended", **asdict(turn))


@contextmanager
def _counted(met: dict[str, int]) -> Iterator[None]:
    """Count the errors that are made, not only those that get out: a lost race is mostly run again on the spot."""
    make = MatineeError.__init__

    def count(self: MatineeError, message: str, *, next_step: str, facts: Mapping[str, object] | None = None) -> None:
        met[type(self).__name__] = met.get(type(self).__name__, 0) + 1
        make(self, message, next_step=next_step, facts=facts)

    MatineeError.__init__ = count  # type: ignore[method-assign]
    try:
        yield
    finally:
        MatineeError.__init__ = make  # type: ignore[method-assign]
