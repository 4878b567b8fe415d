"""What rules would have told is computed from what was recorded."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.alerts import CATALOG, MINUTE, T0, day, journal_in, rule, signal

from matinee.alerts.backtest import backtested, replay, score
from matinee.alerts.incidents import Incident
from matinee.alerts.journal.records import LookNote, Span
from matinee.alerts.journal.tables import LOOKS, SPANS
from matinee.alerts.rules.checking import over_budget
from matinee.alerts.rules.model import Rule
from matinee.alerts.rules.runbooks import HEADINGS

END = T0 + timedelta(days=7)
RULE = rule(budget=1)
SEEN_AT = [LookNote(T0 + number * MINUTE, "a") for number in range(60)]
RED = Span(signal(CATALOG), T0 + 3 * MINUTE, T0 + 3 * MINUTE, T0 + 30 * MINUTE)


def paged(*spans: Span, rules: tuple[Rule, ...] = (RULE,), end: datetime = END) -> list[Incident]:
    return replay(rules, spans, SEEN_AT, T0, end)


def test_a_recorded_signal_is_paged_when_it_was_seen() -> None:
    [incident] = paged(RED)
    assert (str(incident.identity), incident.told_at) == ("catalog unavailable", T0 + 3 * MINUTE)


def test_a_rule_that_waits_pages_later_or_never() -> None:
    [incident] = paged(RED, rules=(rule(holds_for=10 * MINUTE),))
    assert incident.told_at == T0 + 13 * MINUTE
    assert paged(RED, rules=(rule(holds_for=28 * MINUTE),)) == []


def test_what_was_seen_after_the_end_does_not_count() -> None:
    assert paged(RED, end=T0 + 2 * MINUTE) == []


def test_verdicts_of_people_are_the_truth() -> None:
    told = paged(RED, Span(signal(day(1)), T0, T0))
    [real] = [replace(each, verdict="real") for each in told if each.identity == CATALOG]
    noise = [replace(each, verdict="noise") for each in told if each.identity != CATALOG]
    missed = replace(real, identity=day(9, "core.impressions"))
    [own, everything] = score([RULE], told, [real, *noise, missed], T0, END)
    assert (own.pages, own.precision, own.recall, own.delay) == (2, 0.5, 0.5, timedelta(0))
    assert (own.is_over, everything.is_over) == (True, False)


@pytest.mark.parametrize(("causes", "lines"), [(4, []), (5, [2])])
def test_a_rule_over_its_budget_is_named_with_its_line(tmp_path: Path, causes: int, lines: list[int]) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "lake.md").write_text("## A\n" + "".join(f"### {heading}\n" for heading in HEADINGS))
    stated = ("name: failed", "kind: failure", "severity: page", "runbook: lake.md#A", "budget: 1")
    (tmp_path / "lake.yaml").write_text("rules:\n  - " + "\n    ".join(stated) + "\n")
    with closing(journal_in(tmp_path)) as journal:
        with journal.begin() as entries:
            entries.put(SPANS, *(Span(signal(day(1, f"core.d{number}")), T0, T0) for number in range(causes)))
            entries.put(LOOKS, *SEEN_AT)
        assert [problem.line for problem in over_budget(tmp_path, journal, T0 + timedelta(hours=1))] == lines


def test_the_watcher_can_write_during_a_backtest(tmp_path: Path) -> None:
    written = []

    class Writing(list[Rule]):
        """Rules that write to the journal when the replay comes to them."""

        def __iter__(self) -> Iterator[Rule]:
            with closing(journal_in(tmp_path)) as other, other.begin() as entries:
                entries.put(LOOKS, *SEEN_AT)
            written.append(True)
            return super().__iter__()

    with closing(journal_in(tmp_path)) as journal:
        with journal.begin() as entries:
            entries.put(LOOKS, *SEEN_AT)
        backtested(journal, Writing([RULE]), T0, END)
    assert written
