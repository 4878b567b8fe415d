"""What a landing could not do, as one error: the other files were landed."""

from collections.abc import Sequence
from typing import TypeAlias

from matinee.errors import (
    LandingRefusedError,
    LandingUnreachableError,
    NotArchivedError,
    NotLandedError,
    RetiredError,
    UsageError,
)

Refused: TypeAlias = UsageError | NotLandedError | RetiredError


def all_refused(refused: Sequence[Refused], files: int) -> Refused:
    """Return one error for all that was refused: it may be tried again where that helps any of the files."""
    if len(refused) == 1 and files == 1:
        return refused[0]
    facts = (error.facts.get("file") or error.facts.get("path") or error.facts.get("dataset") for error in refused)
    kind = LandingUnreachableError if any(error.retryable for error in refused) else LandingRefusedError
    return kind(
        f"{len(refused)} of {files} files were refused: {' '.join(dict.fromkeys(error.message for error in refused))}",
        next_step="The others were landed. Replace the refused ones, then land again.",
        facts={"files": ", ".join(map(str, dict.fromkeys(facts)))},
    )


def all_staying(staying: list[NotArchivedError], files: int) -> NotArchivedError:
    """Return one error for all files that were landed and not archived."""
    if len(staying) == 1 and files == 1:
        return staying[0]
    return NotArchivedError(
        f"{len(staying)} of {files} files were not archived: {' '.join(error.message for error in staying)}",
        next_step="All are landed. Remove the cause, then ingest again: nothing is landed twice.",
        facts={"files": ", ".join(str(error.facts["file"]) for error in staying)},
    )
