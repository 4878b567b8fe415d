"""The shipped rules are right: their runbooks exist, and every command parses."""

from matinee.alerts.model import Kind
from matinee.alerts.rules.checking import check
from matinee.alerts.rules.loader import load
from matinee.settings import CHECKOUT

FOLDER = CHECKOUT / "sql" / "alerts"


def test_the_shipped_rules_have_no_mistake() -> None:
    from matinee.cli.command_lines import wrong_call

    assert [str(problem) for problem in check(FOLDER, CHECKOUT / "sql", wrong_call)] == []


def test_every_kind_has_a_rule() -> None:
    assert {rule.kind for rule in load(FOLDER)} == set(Kind.__args__)  # type: ignore[attr-defined]
