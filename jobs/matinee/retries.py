"""Retries: look until a value is as wanted or the time is over; commit again where others were first."""

from collections.abc import Callable
from typing import TypeVar

from matinee.errors import CommitConflictError

T = TypeVar("T")
#: How often a commit is tried that others may be faster than.
TRIES = 20


def wait_until(
    look: Callable[[], T],
    seconds: float,
    pause_s: float,
    is_enough: Callable[[T], object] = bool,
    tell: Callable[[T], None] = lambda _: None,
) -> T:
    """Look until a value is enough, and return it; after so many seconds return the last value.

    Args:
        look: called once at least.
        seconds: how long to look.
        pause_s: seconds between two looks.
        is_enough: whether to return a value.
        tell: gets each value that differs from the value before.
    """
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

    told: list[T] = []

    def once() -> T:
        seen = look()
        if told[-1:] != [seen]:
            tell(seen)
            told.append(seen)
        return seen

    again, stop = retry_if_result(lambda seen: not is_enough(seen)), stop_after_delay(seconds)
    return Retrying(retry=again, stop=stop, wait=wait_fixed(pause_s), retry_error_callback=lambda _: told[-1])(once)


class _AgainWhereLost:
    """A block in which a commit that others were faster than makes `committed` call its function again."""

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, CommitConflictError):
            from tenacity import TryAgain

            raise TryAgain from error


again_where_lost = _AgainWhereLost()


def committed(once: Callable[[], T], lost: CommitConflictError, tries: int = TRIES) -> T:
    """Call a function that reads and then commits, again where it lost a race; return its value.

    The function commits in `again_where_lost`. A conflict that it raises elsewhere is final.

    Raises:
        CommitConflictError: others committed first in every try: `lost`, which says what was not done.
    """
    from tenacity import RetryError, Retrying, retry_never, stop_after_attempt

    try:
        return Retrying(retry=retry_never, stop=stop_after_attempt(tries))(once)
    except RetryError as error:
        raise lost from error.last_attempt.exception()
