"""Errors of Matinee: each is terminal or transient, carries its facts and ends with the next step.

A terminal error will happen again on the same input; a transient one may pass on a retry. Retry policies, exit
codes and alerts follow from the class alone.
"""

import logging
from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)


class MatineeError(Exception):
    """Base of every error raised on purpose.

    Args:
        message: what happened, one sentence.
        next_step: what the reader does now, one sentence or a command.
        facts: the values behind the message (dataset, day, snapshot, file, line, …), kept for reports.
    """

    retryable = False

    def __init__(self, message: str, *, next_step: str, facts: Mapping[str, object] | None = None) -> None:
        super().__init__(message, next_step, dict(facts or {}))
        self.message = message
        self.next_step = next_step
        self.facts: dict[str, object] = dict(facts or {})

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling between processes: keyword arguments are not passed by Exception itself."""
        return (_rebuild, (type(self), self.message, self.next_step, self.facts))

    def __str__(self) -> str:
        return f"{self.message} Next: {self.next_step}"


def raise_foremost(failed: "Sequence[MatineeError]") -> None:
    """Raise the error of several that a caller gets, if there is any: one that may pass, where there is one."""
    for error in failed if len(failed) > 1 else ():
        log.error("%s", error)
    if failed:
        raise next((error for error in failed if error.retryable), failed[0])


def _rebuild(kind: type[MatineeError], message: str, next_step: str, facts: dict[str, object]) -> MatineeError:
    return kind(message, next_step=next_step, facts=facts)


def kind_named(name: str) -> type[MatineeError] | None:
    """Return the error class of a name, from any package; None where no imported module defines it."""
    kinds: list[type[MatineeError]] = [MatineeError]
    for kind in kinds:  # The list grows.
        kinds += kind.__subclasses__()
    return next((kind for kind in kinds if kind.__name__ == name), None)


class TerminalError(MatineeError):
    """The same call on the same input fails again: a person or another input is needed."""


class TransientError(MatineeError):
    """The same call may succeed later: a retry is worth it."""

    retryable = True


class UsageError(TerminalError):
    """The call itself is wrong: an unknown option value, a range that ends before it starts, a bad identifier."""


class SettingsError(TerminalError):
    """A setting is missing or contradicts another."""


class UnknownDatasetError(TerminalError):
    """No contract declares the dataset that was named."""


class ContractError(TerminalError):
    """A contract is invalid, or a change of it cannot be applied safely."""


class MissingTableError(TerminalError):
    """The dataset has a contract but no table in this lake yet."""


class ForeignTableError(TerminalError):
    """A table lies outside the warehouse: the lake was copied or moved, and a change would change another lake."""


class LakeFormatError(TerminalError):
    """The lake has a newer format than this version knows, or an older one than it writes."""


class CatalogLostError(TerminalError):
    """The catalog's file is damaged, or the catalog does not know the lake in the warehouse: it was lost."""


class RestoreRefusedError(TerminalError):
    """A backup is not restored: it cannot be read, is of another warehouse, or what it names is not there."""


class RetiredError(TerminalError):
    """The dataset was retired: its table was dropped, and no table of its name is made again."""


class StillReadError(TerminalError):
    """A dataset that is to be retired has readers, or somebody is at work on it; nothing was changed."""


class NotLandedError(MatineeError):
    """Nothing of a landing file, or of the files at a path, was landed."""


class LandingRefusedError(NotLandedError, TerminalError):
    """A landing file is refused whole: truncated, unreadable or of an unknown kind."""


class LandingUnreachableError(NotLandedError, TransientError):
    """The storage of landing files does not answer now, or takes no more calls."""


class NotArchivedError(TerminalError):
    """A file was landed and could not be moved to the archive: it stays where it was."""


class FileChangedError(LandingRefusedError):
    """A landing file is no longer the one that was read: nothing of it was landed."""


class ConservationError(TerminalError):
    """Rows in are not rows landed or published, quarantined and duplicate: nothing may be lost silently."""


class InputsNotValidError(TransientError):
    """An input day that the run reads is not valid yet."""


class NotCompleteError(TransientError):
    """Too many of a day's landed rows repeat others: without them it has fewer rows than it should have."""


class AuditFailedError(TerminalError):
    """A blocking audit or check found bad rows; `main` is untouched and the branch is kept for inspection."""


class StaleInputsError(TransientError):
    """Another publication or commit changed the same cells or read newer inputs: write and audit again."""


class WithdrawnError(TerminalError):
    """The days were withdrawn after the run began: only a run that a person starts publishes them again."""


class DroppedError(TerminalError):
    """Days were dropped, as their contract says, or are derived from dropped days: none is published again."""


class CommitConflictError(TransientError):
    """A reference moved between load and commit; nothing was changed."""


class SnapshotGoneError(TransientError):
    """A snapshot that is to be read has expired: its rows are not known any more; a new run pins what is there."""


class LeaseHeldError(TransientError):
    """Another process does the same work now."""


class LeaseLostError(TransientError):
    """Another process has taken the work over: what this one still wrote was refused."""


class HumanNeededError(TerminalError):
    """Healing has come to its end: rows are lost, or a repair failed, and a person has to decide."""


class StreamPausedError(TerminalError):
    """A person, or the checks of a batch, stopped the stream."""


class TopicChangedError(TerminalError):
    """A topic is not the topic whose offsets the tables hold."""


class RecordsGoneError(TransientError):
    """A topic does not have the records any more that are to be read next."""


class StreamDiffersError(TerminalError):
    """A live table is not what the batch derived from the same input."""


class RepeatedKeyError(TerminalError):
    """Two rows of a served dataset have one key: no version is built of them."""


class VersionGoneError(TerminalError):
    """A version of a served dataset, or a file of the version, is not there."""


class NotActivatedError(TerminalError):
    """A version is not activated: it did not pass its gate, is older than the active version, or is not built."""


class StoreUnavailableError(TransientError):
    """The store of served versions does not answer, or takes no more calls."""


class TooEarlyError(TerminalError):
    """An answer is asked for as of an instant that lies before what the answer is made from."""


class ServiceUnavailableError(TransientError):
    """The service of served datasets does not answer now: it has no active version, no time, or too many calls."""


class ServiceRefusedError(TerminalError):
    """The service of served datasets refuses a call: a wrong token, an unknown dataset, a key of another type."""


class EngineUnavailableError(TransientError):
    """Spark (or its Connect server) cannot be reached or started."""


class TokenRefusedError(TerminalError):
    """Spark's Connect server does not let this client in: the client shows no token, or another."""


class CatalogUnavailableError(TransientError):
    """The Iceberg catalog, or the storage of its tables, cannot be reached or is full."""


class JournalUnavailableError(TransientError):
    """The journal of alerts cannot be read or written."""


class CatalogRefusedError(TerminalError):
    """The catalog or the storage answers and refuses: no right, a wrong password, no such bucket or database."""


class UnreadableError(TerminalError):
    """A file or an answer is not what it should be: it is damaged, cut off, or of another kind."""


class EngineFailedError(TransientError):
    """Spark failed while it ran a job; its own message is in the facts."""


class EngineRefusedError(TerminalError):
    """The engine refuses a query on these rows, or its caller: the same query fails again."""


class EnvironmentNotReadyError(TerminalError):
    """The machine lacks something that Matinee needs: Java, a jar, a free port, disk space, the installed package."""


class OutOfMemoryError(TransientError):
    """The process had no memory left; other work on the machine may have taken it."""


class StoppedError(TransientError):
    """A person or a signal stopped the process before its end."""


class InternalError(TerminalError):
    """A fault of Matinee, or an error of a library that Matinee does not know; the traceback is in the facts."""
