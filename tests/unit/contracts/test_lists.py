"""What `matinee contract check` says of columns that hold lists or structs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from matinee.contracts.column_types import ITEM
from matinee.contracts.loader import load
from matinee.contracts.model import Column
from matinee.contracts.validate import check

WriteContract = Callable[..., Path]

LIST = "logicalType: array\n        physicalType: list\n        items: {logicalType: integer, physicalType: long}"
NOTHING_ELSE = ("        logicalTypeOptions:\n          minimum: 1\n          maximum: 5\n", "")
BAD_LISTS = [
    pytest.param(
        ("        items: {logicalType: integer, physicalType: long}\n", ""), 21, "'items' is missing", id="none"
    ),
    pytest.param(("physicalType: long", "physicalType: map"), 24, "'map' is not one of", id="lists of maps"),
    pytest.param(
        ("physicalType: long", "physicalType: string"), 24, "what is of type string is string", id="two types"
    ),
    pytest.param(("long}", "long, unique: true}"), 24, "unique is not checked within", id="another rule"),
    pytest.param(("[rating_id]", "[stars]"), 42, "sortOrder names stars, a list", id="sorted by a list"),
    pytest.param(
        ("description: Stars", "unique: true\n        description: Stars"), 26, "no list is unique", id="a unique list"
    ),
    pytest.param(
        ("description: Stars", "partitioned: true\n        partitionKeyPosition: 2\n        description: Stars"),
        *(26, "no list is partitioned"),
        id="a partition by a list",
    ),
]


@pytest.mark.parametrize(("change", "line", "reason"), BAD_LISTS)
def test_a_list_that_nothing_could_be_derived_from_is_refused(
    write_contract: WriteContract, change: tuple[str, str], line: int, reason: str
) -> None:
    good = (("logicalType: integer\n        physicalType: int", LIST), NOTHING_ELSE)
    (problem,) = check(write_contract(*good, change))

    assert problem.line == line
    assert reason in problem.reason


def test_a_contract_may_declare_lists(write_contract: WriteContract) -> None:
    file = write_contract(("logicalType: integer\n        physicalType: int", LIST), NOTHING_ELSE)

    assert check(file) == []
    assert load(file).columns[1].items == Column(ITEM, "long", required=False, doc="")
