"""What `matinee contract check` refuses of a dataset's keys, with the line of each fault."""

from collections.abc import Callable
from pathlib import Path

import pytest

from matinee.contracts.validate import check

NAMED = "customProperties:\n  - property: {}\n    value:"
BROKEN = [
    pytest.param(
        "customProperties:", f"{NAMED.format('cadence')} monthly", 42, "must be daily or weekly", id="no week"
    ),
    pytest.param("customProperties:", f"{NAMED.format('history')} oldest", 42, "unbroken or newest", id="no history"),
    pytest.param(
        "customProperties:", f"{NAMED.format('previous')} other", 42, "must be none or self", id="no previous"
    ),
    pytest.param(
        "customProperties:",
        f"{NAMED.format('cadence')} weekly\n  - property: touches\n    value: 1d",
        44,
        "a run publishes its key alone where cadence is stated",
        id="a week that touches others",
    ),
    pytest.param("alias: events", "alias: previous", 48, "alias previous is taken", id="a reserved alias"),
    pytest.param(
        "lookback: ratings.window", "on_restated: gone", 49, "must be invalid or outdated", id="no consequence"
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "reason"), BROKEN)
def test_a_broken_contract_is_refused_with_its_line(
    write_contract: Callable[..., Path], old: str, new: str, line: int, reason: str
) -> None:
    (problem,) = check(write_contract((old, new)))
    assert (problem.line, reason in problem.reason) == (line, True), problem
