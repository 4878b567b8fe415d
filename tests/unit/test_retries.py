"""Retries: an accepted value ends the wait, a wait that is over returns the last value, and errors pass."""

import ast

import pytest

from matinee.errors import UsageError
from matinee.retries import wait_until
from matinee.settings import CHECKOUT

#: Modules that sleep to keep a pace: of ticks, or of records that are sent at a rate.
PACED = {"demo/replay.py", "demo/stream.py", "live/driver.py", "stack/supervisor.py"}


def test_a_wait_ends_with_the_first_look_that_finds_enough() -> None:
    numbers = iter([1, 2, 3])
    assert wait_until(lambda: next(numbers), 10, 0, lambda number: number > 1) == 2
    assert next(numbers) == 3


def test_a_wait_that_is_over_tells_what_was_found_last() -> None:
    assert wait_until(list, 0.02, 0.01) == []


def test_an_error_of_a_look_ends_the_wait() -> None:
    def look() -> bool:
        raise UsageError("no", next_step="none")

    with pytest.raises(UsageError):
        wait_until(look, 10, 1)


def test_no_other_module_waits_by_a_loop_of_its_own() -> None:
    jobs = CHECKOUT / "jobs" / "matinee"
    sleeping = {
        str(file.relative_to(jobs))
        for file in jobs.rglob("*.py")
        if any(
            isinstance(node, ast.Attribute) and node.attr == "sleep" for node in ast.walk(ast.parse(file.read_text()))
        )
    }
    assert sleeping == PACED
