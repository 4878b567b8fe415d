"""Each kind of bad rule and runbook has its file, its line, a reason and a next step."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from matinee.alerts.rules.loader import Known, Problem, load, look
from matinee.errors import SettingsError

GOOD = """rules:
  - name: stale
    kind: freshness
    severity: page
    runbook: lake.md#Stale
    budget: 1
"""
BOOK = """# Runbook

## Stale

### What it means
### Impact
### First look

```
matinee vtts list
```

### Fix
### Escalate
"""
KNOWN = Known(
    datasets={"core.plays": True, "raw.quarantine": False},
    dags={"plays_daily"},
    channels={"slack", "email"},
    parse=lambda arguments: None if arguments == ["vtts", "list"] else "no such command",
)


def problems(folder: Path, rules: str, book: str = BOOK) -> list[Problem]:
    (folder / "runbooks").mkdir()
    (folder / "lake.yaml").write_text(rules)
    (folder / "runbooks" / "lake.md").write_text(book)
    return look(folder, KNOWN)[1]


def with_lines(*lines: str) -> str:
    return GOOD + "".join(f"    {line}\n" for line in lines)


def disk(*lines: str) -> str:
    return with_lines(*lines).replace("freshness", "disk")


RULES: Sequence[tuple[str, int, str]] = [
    ("", 1, "is empty"),
    ("rules: [", 2, "YAML"),
    ("- a\n", 1, "must be a mapping"),
    ("rules: 3\n", 1, "rules must be a list"),
    ("other: 3\n" + GOOD, 1, "'other' is unknown here"),
    ("{}\n", 1, "'rules' is missing"),
    ("rules:\n  - 3\n", 2, "must be a mapping"),
    (GOOD.replace("    severity: page\n", ""), 2, "'severity' is missing"),
    (GOOD.replace("name: stale\n    ", ""), 2, "'name' is missing"),
    (GOOD.replace("    kind: freshness\n", ""), 2, "'kind' is missing"),
    (GOOD.replace("    runbook: lake.md#Stale\n", ""), 2, "'runbook' is missing"),
    (GOOD.replace("    budget: 1\n", ""), 2, "'budget' is missing"),
    (GOOD.replace("name: stale", "name: Stale Day"), 2, "name 'Stale Day' is not of the form"),
    (GOOD.replace("name: stale", "name: 3"), 2, "name must be a text"),
    (GOOD.replace("freshness", "freshnes"), 3, "kind 'freshnes' is unknown"),
    (GOOD.replace("page", "critical"), 4, "severity 'critical' is unknown"),
    (GOOD.replace("#Stale", "#Stael"), 5, "no runbook has the section lake.md#Stael"),
    (GOOD.replace("#Stale", ""), 5, "runbook 'lake.md' is not FILE.md#Section"),
    (GOOD.replace("budget: 1", "budget: 0"), 6, "budget 0 allows no page"),
    (GOOD.replace("budget: 1", "budget: 1.5"), 6, "budget must be a whole number"),
    (GOOD + GOOD.replace("rules:\n", ""), 7, "a rule is called stale twice"),
    (with_lines("budget: 2"), 7, "'budget' stands twice"),
    (with_lines("owner: me"), 7, "'owner'"),
    (with_lines("threshold: soon"), 7, "threshold"),
    (with_lines("threshold: 0.5"), 7, "threshold must be a text"),
    (with_lines("for: 3"), 7, "for must be a text"),
    (with_lines("for: 3 fortnights"), 7, "for: "),
    (with_lines("repeat: 10s"), 7, "repeat 10s is too often"),
    (with_lines("datasets: core.plays"), 7, "datasets must be a list"),
    (with_lines("datasets: []"), 7, "datasets is an empty list"),
    (with_lines("datasets: [core.play]"), 7, "core.play is none of the datasets"),
    (with_lines("datasets: ['features.*']"), 7, "features.* matches none of the datasets"),
    (with_lines("datasets: [core.plays, core.plays]"), 7, "core.plays stands twice"),
    (with_lines("datasets: [raw.quarantine]"), 7, "states no freshness"),
    (with_lines("dags: [plays_daily]"), 7, "a rule of kind freshness is not about dags"),
    (with_lines("route: []"), 7, "route is an empty list"),
    (with_lines("route: slack"), 7, "route must be a list"),
    (with_lines("route: [{channel: slack}]"), 7, "'connection' is missing"),
    (with_lines("route: [{channel: pigeon, connection: a}]"), 7, "no channel is called pigeon"),
    (with_lines("route: [{channel: slack, connection: 'a b'}]"), 7, "'a b' is no name of a connection"),
    (with_lines("route: [{channel: slack, connection: a, to: b}]"), 7, "'to' is no field of a route"),
    (with_lines("route:", "  - {channel: slack, connection: a}", "  - {channel: slack, connection: a}"), 9, "twice"),
    (disk(), 2, "'threshold' is missing"),
    (disk("threshold: 90"), 7, "threshold 90 is no share"),
    (
        with_lines().replace("freshness", "failure").replace("    budget", "    threshold: 1h\n    budget"),
        6,
        "no threshold",
    ),
    (with_lines("dags: [play_daily]").replace("freshness", "failure"), 7, "play_daily is none of the dags"),
]
BOOKS: Sequence[tuple[str, int, str]] = [
    (BOOK.replace("### Impact\n", ""), 3, "lacks ### Impact"),
    (BOOK.replace("### Impact\n### First look", "### First look\n### Impact"), 3, "in this order"),
    (BOOK.replace("vtts list", "vtts lst"), 10, "no such command"),
    (BOOK.replace("matinee vtts list", "matine vtts list"), 10, "matine is not known here"),
    (BOOK.replace("matinee vtts list", "matinee 'vtts"), 10, "No closing quotation"),
    (BOOK + BOOK, 17, "stands twice"),
]


def test_a_good_rule_has_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


@pytest.mark.parametrize(("text", "line", "reason"), RULES, ids=[reason for _, _, reason in RULES])
def test_a_bad_rule_is_named_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    told = problems(tmp_path, text)
    assert [problem.line for problem in told if reason in problem.reason] == [line], told
    assert all(problem.next_step for problem in told)


@pytest.mark.parametrize(("text", "line", "reason"), BOOKS, ids=[reason for _, _, reason in BOOKS])
def test_a_bad_runbook_is_named_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    told = problems(tmp_path, GOOD, text)
    assert [problem.line for problem in told if reason in problem.reason] == [line], told


def test_a_folder_without_rules_is_a_problem(tmp_path: Path) -> None:
    assert ["holds no rules" in problem.reason for problem in look(tmp_path, KNOWN)[1]] == [True]


def test_a_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "lake.yaml").write_bytes(b"\xff\xfe\x00rules")
    assert ["cannot be read" in problem.reason for problem in look(tmp_path, KNOWN)[1]] == [True]


def test_a_watcher_is_told_of_the_first_mistake(tmp_path: Path) -> None:
    (tmp_path / "lake.yaml").write_text(GOOD.replace("page", "critical"))
    with pytest.raises(SettingsError, match="severity 'critical' is unknown"):
        load(tmp_path)
