"""Retries: what ends a wait and a series of tries to commit, and which errors pass."""

import ast

import pytest

from matinee.errors import CommitConflictError, UsageError
from matinee.retries import again_where_lost, committed, wait_until
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


OTHERS = CommitConflictError("Others were first.", next_step="Again.")
LOST = CommitConflictError("Others were first, 3 times.", next_step="Later.")


def test_a_commit_is_tried_again_where_others_were_first() -> None:
    tries: list[int] = []

    def once() -> int:
        tries.append(len(tries))
        with again_where_lost:
            if len(tries) < 3:
                raise OTHERS
        return len(tries)

    assert committed(once, LOST, 3) == 3


def test_a_commit_that_always_loses_ends_with_the_error_of_its_caller() -> None:
    tries: list[bool] = []

    def once() -> None:
        tries.append(True)
        with again_where_lost:
            raise OTHERS

    with pytest.raises(CommitConflictError) as lost:
        committed(once, LOST, 3)
    assert (lost.value, len(tries)) == (LOST, 3)


def test_a_conflict_outside_the_block_is_final() -> None:
    tries: list[bool] = []

    def once() -> None:
        tries.append(True)
        raise OTHERS

    with pytest.raises(CommitConflictError) as final:
        committed(once, LOST, 3)
    assert (final.value, len(tries)) == (OTHERS, 1)


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
