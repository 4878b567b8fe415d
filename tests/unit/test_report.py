"""The seconds of a step are measured by part, also where the part ends with an error."""

import time

import pytest

from matinee.report import timed


def sleep(seconds: dict[str, float], error: Exception | None = None) -> None:
    with timed(seconds, "write"):
        time.sleep(0.01)
        if error:
            raise error


def test_blocks_of_one_part_add_up_however_they_end() -> None:
    seconds: dict[str, float] = {"audit": 1.0}
    sleep(seconds)
    first = seconds["write"]
    with pytest.raises(ValueError, match="no"):
        sleep(seconds, ValueError("no"))
    assert 0.01 <= first <= seconds["write"] - 0.01
    assert seconds["audit"] == 1.0
