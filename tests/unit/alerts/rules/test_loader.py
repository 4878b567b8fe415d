"""Rules of alerts: what is right is read, and every mistake has its file, its line and a next step."""

from pathlib import Path

import pytest

from matinee.alerts.rules.loader import Known, Problem, load, look
from matinee.errors import SettingsError
from matinee.settings import CHECKOUT

RIGHT = """rules:
  - name: late_plays
    kind: freshness
    severity: page
    runbook: lake.md#Stale
    budget: 3
"""
BOOK = "# Runbook\n\n## Stale\n\n" + "".join(
    f"### {heading}\n\nText.\n\n" for heading in ("What it means", "Impact", "First look", "Fix", "Escalate")
)
KNOWN = Known({"core.plays": True, "core.sums": False}, {"plays_daily"}, {"slack", "email"})
ROUTE = "route: [{channel: irc, connection: x}]"
#: What is written over the right rule (the old text, the new one), the line of the mistake, and words of its reason.
MISTAKES = {
    "no rules": (RIGHT, "", 1, "is empty"),
    "another root": ("rules:", "rule:", 1, "'rule' is unknown here"),
    "rules are a mapping": ("  - name: late_plays\n", "    name: late_plays\n", 1, "must be a list"),
    "no YAML": ("kind: freshness", "kind: [", 5, "is not readable YAML"),
    "a tab": ("    kind:", "\tkind:", 3, "is not readable YAML"),
    "no name": ("name: late_plays", "threshold: 36h", 2, "'name' is missing"),
    "a name with a space": ("late_plays", "late plays", 2, "name 'late plays'"),
    "a name in capitals": ("late_plays", "LATE", 2, "name 'LATE'"),
    "a short name": ("late_plays", "a", 2, "name 'a'"),
    "a number as a name": ("late_plays", "7", 2, "must be a text"),
    "an unknown kind": ("freshness", "freshnes", 3, "kind 'freshnes' is unknown"),
    "no kind": ("    kind: freshness\n", "", 2, "'kind' is missing"),
    "an unknown severity": ("page", "urgent", 4, "severity 'urgent' is unknown"),
    "no severity": ("    severity: page\n", "", 2, "'severity' is missing"),
    "no runbook": ("    runbook: lake.md#Stale\n", "", 2, "'runbook' is missing"),
    "a runbook that is not there": ("lake.md#Stale", "lake.md#State", 5, "no runbook has the section"),
    "a field twice": ("severity: page", "severity: page\n    severity: page", 5, "'severity' stands twice"),
    "an unknown field": ("severity: page", "severity: page\n    thresold: 1h", 5, "'thresold' is no field"),
    "a threshold of another unit": ("severity: page", "severity: page\n    threshold: 0.5", 5, "threshold"),
    "a threshold that is no length": ("severity: page", "severity: page\n    threshold: soon", 5, "threshold"),
    "a length that is none": ("severity: page", "severity: page\n    for: long", 5, "for"),
    "a repeat that is too often": ("severity: page", "severity: page\n    repeat: 10s", 5, "too often"),
    "a dataset that is not there": ("severity: page", "severity: page\n    datasets: [core.play]", 5, "none of the"),
    "a pattern without a match": ("severity: page", "severity: page\n    datasets: ['x.*']", 5, "matches none"),
    "a dataset without a freshness": ("severity: page", "severity: page\n    datasets: [core.sums]", 5, "no freshness"),
    "datasets as a text": ("severity: page", "severity: page\n    datasets: core.plays", 5, "must be a list"),
    "DAGs of a rule of datasets": ("severity: page", "severity: page\n    dags: [plays_daily]", 5, "dags"),
    "an unknown channel": (
        "severity: page",
        "severity: page\n    route: [{channel: irc, connection: x}]",
        5,
        "no channel is called irc",
    ),
    "a route without a connection": ("severity: page", "severity: page\n    route: [slack]", 5, "route"),
    "a page without a budget": ("    budget: 3\n", "", 2, "'budget' is missing"),
    "a budget below one": ("budget: 3", "budget: 0", 6, "budget 0 allows no page"),
    "a budget that is no number": ("budget: 3", "budget: few", 6, "whole number"),
    "a share beyond one": ("kind: freshness", "kind: disk\n    threshold: 90", 4, "threshold"),
    "a share that is needed": ("kind: freshness", "kind: disk", 2, "'threshold' is missing"),
    "a lag that is needed": ("kind: freshness", "kind: stream_lag", 2, "'threshold' is missing"),
    "a threshold of a kind without": ("kind: freshness", "kind: healing\n    threshold: 1h", 4, "threshold"),
    "an unknown DAG": ("kind: freshness", "kind: failure\n    dags: [play_daily]", 4, "none of the dags"),
    "the same name twice": (RIGHT, RIGHT + RIGHT.removeprefix("rules:\n"), 7, "called late_plays twice"),
    "a rule that is a text": ("  - name: late_plays\n", "  - late\n  - name: late_plays\n", 2, "must be a mapping"),
    "an empty field": ("severity: page", "severity:", 4, "'severity' is missing"),
    "a length below zero": ("severity: page", "severity: page\n    threshold: -1h", 5, "threshold"),
}


def folder_of(tmp_path: Path, rules: str, book: str = BOOK) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "lake.yaml").write_text(rules)
    (tmp_path / "runbooks" / "lake.md").write_text(book)
    return tmp_path


def test_a_right_rule_is_read(tmp_path: Path) -> None:
    [rule] = load(folder_of(tmp_path, RIGHT))
    assert (rule.name, rule.kind, rule.severity, rule.runbook) == ("late_plays", "freshness", "page", "lake.md#Stale")


@pytest.mark.parametrize(("old", "new", "line", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_has_its_line_its_reason_and_a_next_step(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    _, problems = look(folder_of(tmp_path, RIGHT.replace(old, new, 1)), KNOWN)
    told = [problem for problem in problems if words in problem.reason]
    assert [(problem.file.name, problem.line) for problem in told] == [("lake.yaml", line)], problems
    assert told[0].next_step


def test_a_wrong_rule_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    second = RIGHT.removeprefix("rules:\n").replace("late_plays", "late_rows")
    rules, problems = look(folder_of(tmp_path, RIGHT.replace("page", "urgent") + second), KNOWN)
    assert [rule.name for rule in rules] == ["late_rows"]
    assert len(problems) == 1


def test_loading_names_the_first_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"lake.yaml:4: severity 'urgent' is unknown"):
        load(folder_of(tmp_path, RIGHT.replace("page", "urgent")))


def test_a_runbook_lacks_a_heading(tmp_path: Path) -> None:
    [problem] = look(folder_of(tmp_path, RIGHT, BOOK.replace("### Fix\n\nText.\n\n", "")), KNOWN)[1]
    assert problem == Problem(tmp_path / "runbooks" / "lake.md", 3, "the section lake.md#Stale lacks ### Fix")


def test_a_command_of_a_runbook_is_wrong(tmp_path: Path) -> None:
    known = Known(KNOWN.datasets, parse=lambda arguments: "no such command" if arguments == ["vtts", "x"] else None)
    book = BOOK.replace("### Fix\n\nText.", "### Fix\n\n```\nmatinee vtts list\nmatinee vtts x\n```")
    [problem] = look(folder_of(tmp_path, RIGHT, book), known)[1]
    assert problem.reason == "`matinee vtts x` is no command: no such command"


def test_the_shipped_rules_are_right() -> None:
    assert len(load(CHECKOUT / "sql" / "alerts")) >= 6
