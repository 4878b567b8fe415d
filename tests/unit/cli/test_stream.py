"""What `matinee stream run --every` tells programs: an object a line."""

import json
from datetime import UTC, datetime

import pytest

from matinee.cli.stream import _tell_programs
from matinee.errors import LeaseHeldError
from matinee.live.register import Tick

AT = datetime(2026, 3, 1, tzinfo=UTC)


def told(capsys: pytest.CaptureFixture[str]) -> list[object]:
    printed = capsys.readouterr()
    assert printed.err == ""
    return [json.loads(line) for line in printed.out.splitlines()]


def test_each_tick_is_an_object_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    _tell_programs([Tick("ran", rows_landed=3, recorded_ts=AT), Tick("ran", rows_landed=4, recorded_ts=AT)])
    assert [row["landed"] for row in told(capsys)] == [3, 4]  # type: ignore[index]


def test_a_turn_that_waits_says_for_what(capsys: pytest.CaptureFixture[str]) -> None:
    _tell_programs(LeaseHeldError("Another ticks.", next_step="Wait."))
    [row] = told(capsys)
    assert row["waiting"]["type"] == "LeaseHeldError"  # type: ignore[index]
