"""Failures that no pattern recognised, kept in the home to learn from: each kind of line once, with how often."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from matinee.private import private_folder, write_private
from matinee.settings import Settings

#: So many kinds of lines are kept; the line that was seen longest ago goes first.
KEPT = 200
_VARIES = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+")


@dataclass(frozen=True)
class Unrecognised:
    """A failure that was not recognised.

    Attributes:
        line: the last error, masked.
        source: the log or the task.
        seen: when it was last read out, in UTC.
        count: how often.
    """

    line: str
    source: str
    seen: str
    count: int = 1


def file_of(settings: Settings) -> Path:
    """Return the file that keeps what was not recognised."""
    return settings.run_dir / "unrecognised.json"


def recorded(file: Path) -> list[Unrecognised]:
    """Return what was not recognised, the newest first."""
    return [Unrecognised(**each) for each in json.loads(file.read_text())] if file.is_file() else []


def record(file: Path, line: str, source: str, now: datetime) -> None:
    """Note a failure that was not recognised; a line that differs in numbers alone is counted."""
    known = recorded(file)
    alike = next((each for each in known if _kind(each.line) == _kind(line)), None)
    newest = Unrecognised(line, source, now.isoformat(timespec="seconds"), (alike.count if alike else 0) + 1)
    _write(file, [newest, *(each for each in known if each is not alike)][:KEPT])


def _write(file: Path, known: Sequence[Unrecognised]) -> None:
    private_folder(file.parent)
    write_private(file, json.dumps([asdict(each) for each in known], indent=1) + "\n")


def _kind(line: str) -> str:
    return _VARIES.sub("#", line)
