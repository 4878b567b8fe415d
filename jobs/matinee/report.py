"""The report of a step: what crosses the border between Spark jobs and Airflow, as `report.json`."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from matinee.errors import MatineeError
from matinee.private import private_folder, write_private


def report_name(dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int | None = None) -> str:
    """Return the file name of the report of a try of a task; a mapped task has a number besides."""
    mapped = "" if map_index is None or map_index < 0 else f".{map_index}"
    return f"{dag_id}.{digest(run_id)}.{task_id}{mapped}.{try_number}.json"


def digest(*parts: str) -> str:
    """Return eight characters that stand for names, which may hold what no file name can."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:8]


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Add the seconds that a block takes, however it ends, to those of a part."""
    start = time.monotonic()
    try:
        yield
    finally:
        seconds[part] = round(seconds.get(part, 0.0) + time.monotonic() - start, 3)


class Rows(BaseModel):
    """Row counts of a step; `in = out + quarantined + duplicate` wherever all four are known."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    read: int = Field(0, alias="in")
    out: int = 0
    quarantined: int = 0
    duplicate: int = 0


class Verdict(BaseModel):
    """What one audit or contract check said about the candidate rows."""

    model_config = ConfigDict(frozen=True)

    audit: str
    severity: Literal["blocking", "warning"]
    verdict: Literal["pass", "fail", "insufficient"]
    bad_rows: int = 0
    detail: str = ""
    sample: list[dict[str, str | None]] = Field(default_factory=list)

    @property
    def blocks(self) -> bool:
        """Whether this verdict keeps the publication off `main`."""
        return self.severity == "blocking" and self.verdict == "fail"


class ErrorReport(BaseModel):
    """A typed error as it crosses a process border."""

    model_config = ConfigDict(frozen=True)

    type: str
    message: str
    next_step: str
    retryable: bool
    facts: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(cls, error: MatineeError) -> "ErrorReport":
        """Describe an error of Matinee; `foreign.translated` makes one of any other."""
        return cls(
            type=type(error).__name__,
            message=error.message,
            next_step=error.next_step,
            retryable=error.retryable,
            facts={name: str(value) for name, value in error.facts.items()},
        )


class Report(BaseModel):
    """What one step did: identifiers, days, rows, verdicts, seconds per part, and its error if it failed."""

    model_config = ConfigDict(frozen=True)

    step: str
    dataset: str
    key: str | None = None
    publication_id: str | None = None
    days: tuple[date, ...] = ()
    branch: str | None = None
    snapshot_id: int | None = None
    rows: Rows = Rows()
    verdicts: tuple[Verdict, ...] = ()
    replayed: bool | None = None
    vtts: datetime | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    details: dict[str, str | int] = Field(default_factory=dict)
    error: ErrorReport | None = None
    environment: dict[str, str] = Field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the report as JSON, atomically: a reader sees the whole report or none."""
        private_folder(path.parent)
        write_private(path, self.model_dump_json(by_alias=True, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Report":
        """Read a report that `write` wrote."""
        return cls.model_validate_json(path.read_text())
