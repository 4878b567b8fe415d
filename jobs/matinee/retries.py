"""Retries: look at a value until it is as wanted, or until the time is over."""

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
