"""What `matinee contract check` says of contracts whose transform orders repeats by their time."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from matinee.contracts.validate import check, check_all
from matinee.settings import CHECKOUT

WriteContract = Callable[..., Path]

INSTANT = """\
      - name: {name}
        logicalType: timestamp
        physicalType: timestamptz
        required: true
        description: An instant.
"""


def declare_instants(sql: Path, dataset: str, *names: str) -> Path:
    """Put instants in front of the first column of a shipped contract; return its file."""
    file = sql / Path(*dataset.split(".")) / "contract.odcs.yaml"
    text = file.read_text()
    [before, after] = text.split("    properties:\n", 1)
    file.write_text(f"{before}    properties:\n{''.join(INSTANT.format(name=name) for name in names)}{after}")
    return file


OTHER_INSTANTS = [(("a_ts", "b_ts"), ("b_ts", "a_ts")), (("a_ts",), ()), ((), ("a_ts",))]


@pytest.mark.parametrize(("landed", "derived"), OTHER_INSTANTS)
def test_repeats_that_are_ordered_by_another_time_than_landed_are_refused(
    tmp_path: Path, landed: tuple[str, ...], derived: tuple[str, ...]
) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(CHECKOUT / "sql", sql)
    declare_instants(sql, "raw.plays", *landed)
    file = declare_instants(sql, "core.plays", *derived)

    first, here = (names[0] if names else "start_ts" for names in (landed, derived))
    reason = (
        f"{here} orders repeats here, {first} is the time of the event in raw.plays: list {first} before other instants"
    )
    assert reason in [problem.reason for problem in check_all(sql) if problem.file == file]


def test_repeats_whose_time_both_contracts_list_first_are_ordered(tmp_path: Path) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(CHECKOUT / "sql", sql)
    declare_instants(sql, "raw.plays", "a_ts", "b_ts")
    file = declare_instants(sql, "core.plays", "a_ts")

    assert [problem.reason for problem in check_all(sql) if problem.file == file and "repeats" in problem.reason] == []


def test_repeats_without_an_instant_of_their_event_are_refused(write_contract: WriteContract) -> None:
    problems = check(write_contract(("deduplicate_ratings", "deduplicate")))

    assert [problem.reason for problem in problems] == [
        "repeats are ordered by the time of their event: list its instant"
    ]
