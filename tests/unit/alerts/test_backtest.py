"""What rules would have told is computed from what was recorded."""

from dataclasses import replace
from datetime import datetime, timedelta

from tests.support.alerts import CATALOG, MINUTE, T0, day, rule, signal

from matinee.alerts.backtest import replay, score
from matinee.alerts.incidents import Incident
from matinee.alerts.journal.records import LookNote, Span
from matinee.alerts.rules.model import Rule

END = T0 + timedelta(days=7)
RULE = rule(budget=1)
LOOKS = [LookNote(T0 + number * MINUTE, "a") for number in range(60)]
RED = Span(signal(CATALOG), T0 + 3 * MINUTE, T0 + 3 * MINUTE, T0 + 30 * MINUTE)


def paged(*spans: Span, rules: tuple[Rule, ...] = (RULE,), end: datetime = END) -> list[Incident]:
    return replay(rules, spans, LOOKS, T0, end)


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
