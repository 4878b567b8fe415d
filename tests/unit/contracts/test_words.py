"""Words of the standard that nothing reads are refused: a rule is checked, or it does not stand in a contract."""

from collections.abc import Callable
from pathlib import Path

import pytest

from matinee.contracts.validate import check

WriteContract = Callable[..., Path]
STARS = "description: Stars, from 1 to 5."
KEY = "description: Identifier of the rating."
LIST = "logicalType: array\n        physicalType: list\n        items: {logicalType: integer, physicalType: long}"
TABLE = "    properties:"
RULE = "{type: library, metric: rowCount, mustBeBetween: [1, 9]"
UNREAD = [
    pytest.param("exclusiveMinimum", "minimum: 1", "exclusiveMinimum: 0", id="an open end"),
    pytest.param("multipleOf", "minimum: 1", "multipleOf: 2", id="multiples"),
    pytest.param("minLength", KEY, f"{KEY}\n        logicalTypeOptions: {{minLength: 3}}", id="a length"),
    pytest.param("pattern", KEY, f"{KEY}\n        logicalTypeOptions: {{pattern: a+}}", id="a pattern"),
    pytest.param("physicalName", STARS, f"{STARS}\n        physicalName: points", id="another name of the column"),
    pytest.param("quality", STARS, f"{STARS}\n        quality: [{RULE}}}]", id="a check of a column"),
    pytest.param("customProperties", TABLE, f"    customProperties: []\n{TABLE}", id="of the table"),
    pytest.param("schedule", TABLE, f"    quality: [{RULE}, schedule: daily}}]\n{TABLE}", id="when"),
    pytest.param("severity", TABLE, f"    quality: [{RULE}, severity: error}}]\n{TABLE}", id="how bad"),
    pytest.param("element", "unit: h\n", "unit: h\n    element: ratings.rated_day\n", id="of a service level"),
]


@pytest.mark.parametrize(("word", "good", "bad"), UNREAD)
def test_a_word_that_nothing_reads_is_refused(write_contract: WriteContract, word: str, good: str, bad: str) -> None:
    file = write_contract((good, bad))
    (problem,) = check(file)
    assert problem.reason.startswith(f"{word} is ")
    assert word in file.read_text().splitlines()[problem.line - 1]


def test_the_number_of_items_of_a_list_is_refused(write_contract: WriteContract) -> None:
    options = ("minimum: 1\n          maximum: 5\n", "minItems: 1\n")
    file = write_contract(("logicalType: integer\n        physicalType: int", LIST), options)
    assert [problem.reason.split()[0] for problem in check(file)] == ["minItems"]


def test_notes_and_the_volume_of_a_day_are_taken(write_contract: WriteContract) -> None:
    notes = (STARS, f"{STARS}\n        tags: [a]\n        businessName: Stars\n        examples: [5]")
    volume = (TABLE, f"    quality: [{RULE}, severity: warning, unit: rows}}]\n{TABLE}")
    assert check(write_contract(notes, volume)) == []


DOCUMENTED = [
    ("status: active", "servers: [{server: a, type: custom}]\nroles: [{role: r}]\nstatus: active"),
    ("status: active", "slaDefaultElement: ratings.rated_day\nstatus: active"),
    ("unit: h\n", "unit: h\n    driver: analytics\n    scheduler: cron\n    schedule: 0 2 * * *\n"),
    (STARS, f"{STARS}\n        encryptedName: stars_enc\n        transformLogic: a + 1"),
    (STARS, f"{STARS}\n        transformSourceObjects: [raw.ratings]"),
]


@pytest.mark.parametrize("words", DOCUMENTED, ids=["systems", "default", "schedule", "derivation", "sources"])
def test_words_that_state_no_rule_on_rows_are_taken(write_contract: WriteContract, words: tuple[str, str]) -> None:
    assert check(write_contract(words)) == []


@pytest.mark.parametrize("is_named", [True, False], ids=["named", "beside the contract"])
def test_audits_of_a_dataset_that_is_not_audited_are_refused(write_contract: WriteContract, is_named: bool) -> None:
    stated = "  - {property: audited, value: false}\n" + "  - {property: audits, value: [lost]}\n" * is_named
    file = write_contract(("customProperties:\n", f"customProperties:\n{stated}"))
    folder = file.parents[2] / "audits" if is_named else file.parent / "audits"
    folder.mkdir()
    (folder / "lost.sql").write_text("-- severity: warning\n-- why: a test\nSELECT 1\n")
    assert [problem.reason for problem in check(file)] == ["this dataset is not audited: lost would never run"]
