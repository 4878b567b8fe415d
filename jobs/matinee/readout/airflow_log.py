"""The log of a task as Airflow gives it: what the task said, without what Airflow says of the log."""

from collections.abc import Iterable

from matinee.errors import UsageError

#: Airflow puts a group of entries before a log, which says where it has looked.
_SOURCES, _END_OF_GROUP = b"::group::Log message source details", b"::endgroup::"


def said_by_task(log: Iterable[bytes]) -> list[bytes]:
    """Return a log as Airflow gives it without Airflow's own words about where it has looked for the log.

    Raises:
        UsageError: nothing else stands there. A read-out of these words would tell of another failure.
    """
    lines = list(log)
    own = 0
    if lines and _SOURCES in lines[0]:
        own = next((place for place, line in enumerate(lines, 1) if _END_OF_GROUP in line), 0)
    if own == len(lines):
        words = " ".join(line.decode(errors="replace") for line in lines[1:-1])
        raise UsageError(
            f"Airflow has no log of this try. {words}"[:500].rstrip(),
            next_step="The task never began, or its worker took the log with it: look at the machine of the worker.",
        )
    return lines[own:]
