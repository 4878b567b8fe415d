"""Retries: a thing is looked at until it is as wanted, or for too long."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    look: Callable[[], T],
    seconds: float,
    pause_s: float,
    is_enough: Callable[[T], object] = bool,
    tell: Callable[[T], None] = lambda _: None,
) -> T:
    """Return what the first look finds that is enough; after so many seconds, what the last look found.

    Args:
        look: called once at least.
        seconds: how long to look.
        pause_s: seconds between two looks.
        is_enough: whether to return what was found.
        tell: gets what a look finds, where the look before found something else.
    """
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

    told: list[T] = []

    def once() -> T:
        found = look()
        if told[-1:] != [found]:
            tell(found)
            told.append(found)
        return found

    again, stop = retry_if_result(lambda found: not is_enough(found)), stop_after_delay(seconds)
    return Retrying(retry=again, stop=stop, wait=wait_fixed(pause_s), retry_error_callback=lambda _: told[-1])(once)
