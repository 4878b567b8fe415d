"""Audits that several datasets share: a contract names the audits and fills their placeholders."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from matinee.audits.definitions import load_audits
from matinee.contracts.loader import load
from matinee.contracts.validate import check
from matinee.errors import ContractError
from matinee.settings import CHECKOUT

SHIPPED = CHECKOUT / "sql"
NAMED = "[event_lost, event_invented, id_on_two_days, unusual_volume]"
HEAD = "-- severity: warning\n-- why: a test\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The contract of plays, in a folder of datasets of its own."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "sql")) / "core" / "plays" / "contract.odcs.yaml"


def reasons(file: Path) -> list[str]:
    """Return the reasons of `contract check`, and check that audits with a problem are not loaded."""
    problems = check(file)
    line = 1 + file.read_text().splitlines().index("  - property: audits")
    assert {problem.line for problem in problems} <= {line, line + 1}
    for problem in problems[:1]:
        with pytest.raises(ContractError) as refused:
            load_audits(load(file))
        assert problem.reason in str(refused.value)
    return [problem.reason for problem in problems]


def test_a_dataset_has_its_own_audits_and_those_that_its_contract_names(file: Path) -> None:
    (file.parent / "audits").mkdir()
    (file.parent / "audits" / "own.sql").write_text(f"{HEAD}SELECT play_id FROM candidate")
    audits = load_audits(load(file))
    assert [audit.name for audit in audits] == [
        "event_invented",
        "event_lost",
        "id_on_two_days",
        "own",
        "unusual_volume",
    ]
    assert [audit.name for audit in load_audits(replace(load(file), audits=()))] == ["own"]
    assert [audit.cross_day for audit in audits] == [False, False, True, False, True]
    assert reasons(file) == []


def test_placeholders_take_the_names_of_the_key_the_day_and_the_input(file: Path) -> None:
    plays = load(file)
    [lost] = [audit.sql for audit in load_audits(plays) if audit.name == "event_lost"]
    assert lost.endswith("FROM events\nLEFT ANTI JOIN candidate USING (event_day, play_id)")
    other = replace(plays, key_columns=("a", "b"), day_column="c", inputs=(replace(plays.inputs[0], alias="d"),))
    [lost] = [audit.sql for audit in load_audits(other) if audit.name == "event_lost"]
    assert lost.endswith("FROM d\nLEFT ANTI JOIN candidate USING (c, a, b)")


def test_a_shared_audit_that_does_not_exist_is_refused(file: Path) -> None:
    file.write_text(file.read_text().replace(NAMED, "[event_lost, event_stolen]"))
    known = "event_invented, event_lost, id_on_two_days, unusual_volume"
    assert reasons(file) == [f"event_stolen is no shared audit; known are {known}"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT $colour FROM candidate", "odd.sql has a placeholder $colour, which this contract does not fill"),
        ("SELECT '$' FROM candidate", "odd.sql has a $ that begins no placeholder"),
    ],
)
def test_a_placeholder_that_nothing_fills_is_refused(file: Path, query: str, reason: str) -> None:
    (file.parents[2] / "audits" / "odd.sql").write_text(HEAD + query)
    file.write_text(file.read_text().replace(NAMED, "[odd]"))
    assert reasons(file) == [reason]


def test_an_audit_of_the_only_input_is_refused_where_there_are_two(file: Path) -> None:
    file = file.parents[1] / "play_attributions" / file.name
    file.write_text(file.read_text() + "  - property: audits\n    value: [event_lost]\n")
    assert reasons(file) == ["event_lost.sql has a placeholder $input, which this contract does not fill"]


def test_a_shared_audit_that_binds_what_no_parameter_declares_is_refused(file: Path) -> None:
    (file.parents[2] / "audits" / "odd.sql").write_text(f"{HEAD}SELECT $key FROM candidate WHERE 1 < :least")
    file.write_text(file.read_text().replace(NAMED, "[odd]"))
    assert [problem.reason for problem in check(file)] == ["odd.sql binds :least, which no parameter declares"]


def test_two_audits_of_one_name_are_refused(file: Path) -> None:
    file.write_text(file.read_text().replace(NAMED, "[event_lost, event_lost]"))
    reason = "two audits are called event_lost: their verdicts could not be told apart"
    assert reasons(file) == [reason]
    file.write_text(file.read_text().replace("[event_lost, event_lost]", "[event_lost]"))
    (file.parent / "audits").mkdir()
    shutil.copy(file.parents[2] / "audits" / "event_lost.sql", file.parent / "audits")
    assert reasons(file) == [reason]
