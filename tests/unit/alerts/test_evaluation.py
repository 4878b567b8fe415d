"""What a look saw becomes spans, incidents and messages of the journal."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.alerts import BOARD, CATALOG, MINUTE, T0, day, journal_in, rule, signal

from matinee.alerts.evaluation import evaluate, record
from matinee.alerts.journal.records import Window
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import DELIVERIES, INCIDENTS, NOTES, SPANS, WINDOWS
from matinee.alerts.model import Signal
from matinee.alerts.people import acknowledge

RULES = (rule(),)
RED = signal(CATALOG)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = journal_in(tmp_path)
    yield journal
    journal.close()


def look(
    journal: Journal,
    *signals: Signal,
    minutes: int = 0,
    blind: tuple[str, ...] = (),
    left_out: tuple[str, ...] = (),
) -> list[str]:
    with journal.begin() as entries:
        changes = evaluate(entries, signals, RULES, T0 + minutes * MINUTE, (), blind, left_out)
    return [str(change.event) for change in changes]


def spans(journal: Journal) -> list[tuple[str, int, int | None]]:
    """By witness: the minutes in which each signal was seen first, and gone."""
    with journal.begin() as entries:
        return [
            (
                span.signal.says,
                (span.first_seen - T0) // MINUTE,
                (span.gone_at - T0) // MINUTE if span.gone_at else None,
            )
            for span in sorted(entries.all(SPANS), key=lambda span: span.first_seen)
        ]


def test_a_signal_that_is_seen_again_is_one_span(journal: Journal) -> None:
    for minute in range(3):
        look(journal, RED, minutes=minute)
    assert spans(journal) == [("says catalog unavailable", 0, None)]


def test_a_signal_that_is_gone_ends_its_span_and_begins_another(journal: Journal) -> None:
    for minute in range(4):
        look(journal, *([RED] if minute != 1 else []), minutes=minute)
    assert spans(journal) == [("says catalog unavailable", 0, 1), ("says catalog unavailable", 2, None)]


def test_a_witness_that_says_something_else_was_seen_since_its_first_words(journal: Journal) -> None:
    with journal.begin() as entries:
        record(entries, [RED], T0)
        [sighting] = record(entries, [replace(RED, says="worse")], T0 + MINUTE)
    assert sighting.since == T0
    assert spans(journal) == [("says catalog unavailable", 0, 1), ("worse", 1, None)]


def test_an_incident_of_a_dataset_that_is_left_out_does_not_end(journal: Journal) -> None:
    plays = signal(day(1), witness="core.plays", dataset="core.plays")
    other = signal(CATALOG, dataset="core.impressions")
    look(journal, plays, other)
    for minute in (1, 60):
        told = look(journal, minutes=minute, left_out=("core.plays",))
    with journal.begin() as entries:
        states = {each.identity: (each.state, each.gone_since) for each in entries.all(INCIDENTS)}
    assert sorted(told) == ["repeated", "resolved"]
    assert (states[day(1)], states[CATALOG][0]) == (("open", None), "resolved")
    assert spans(journal)[0] == (plays.says, 0, None)
    assert [look(journal, minutes=minute) for minute in (61, 80)] == [["None"], ["resolved"]]


def test_new_words_of_a_bad_contract_end_the_span_of_the_old(journal: Journal) -> None:
    wrong = signal(CATALOG, dataset="core.plays")
    look(journal, wrong, left_out=("core.plays",))
    look(journal, replace(wrong, says="worse"), minutes=1, left_out=("core.plays",))
    assert spans(journal) == [(wrong.says, 0, 1), ("worse", 1, None)]


def test_a_span_goes_on_where_nobody_could_look(journal: Journal) -> None:
    look(journal, RED)
    look(journal, minutes=1, blind=("failure",))
    assert spans(journal) == [("says catalog unavailable", 0, None)]


def test_an_incident_is_written_with_a_note_and_a_message(journal: Journal) -> None:
    assert look(journal, RED) == ["opened"]
    with journal.begin() as entries:
        [incident], [note], [delivery] = (entries.all(shelf) for shelf in (INCIDENTS, NOTES, DELIVERIES))  # type: ignore[attr-defined]
    assert (note.event, note.who) == ("opened", "watcher")
    assert (delivery.route, delivery.message.title) == (BOARD, "catalog unavailable")
    assert delivery.message.key == f"{incident.incident_id}-1"


def test_a_repeat_takes_the_place_of_a_repeat_that_was_not_sent(journal: Journal) -> None:
    for hour in range(4):
        look(journal, RED, minutes=60 * hour)
    with journal.begin() as entries:
        states = [(each.message.event.value, each.state) for each in entries.all(DELIVERIES)]
    assert sorted(states) == [
        ("opened", "waiting"), ("repeated", "superseded"), ("repeated", "superseded"), ("repeated", "waiting")
    ]  # fmt: skip


def test_nobody_is_told_within_a_window(journal: Journal) -> None:
    window = Window("w", T0, T0 + 5 * MINUTE, "ana", "upgrade", T0, subjects=("cat*",))
    with journal.begin() as entries:
        entries.put(WINDOWS, window)
    assert [look(journal, RED), look(journal, RED, signal(day(1)), minutes=1)] == [["None"], ["opened"]]
    assert look(journal, RED, signal(day(1)), minutes=5) == ["opened"]
    with journal.begin() as entries:
        assert "ana (upgrade)" in entries.all(NOTES)[0].why


def told(journal: Journal) -> list[tuple[str, str]]:
    """What channels are told: the event and the title."""
    with journal.begin() as entries:
        sent = sorted(entries.all(DELIVERIES), key=lambda each: (each.message.at, each.message.title))
    return [(each.message.event.value, each.message.title) for each in sent]


def test_a_storm_is_one_page_with_all_its_witnesses(journal: Journal) -> None:
    look(journal, RED, *(signal(day(1, f"core.d{number}"), CATALOG) for number in range(100)))
    with journal.begin() as entries:
        [incident] = entries.all(INCIDENTS)
    assert len(incident.witnesses) == 101
    assert told(journal) == [("opened", "catalog unavailable")]


def test_an_independent_cause_during_an_acknowledged_incident_is_a_page(journal: Journal) -> None:
    look(journal, RED)
    with journal.begin() as entries:
        [first] = entries.all(INCIDENTS)
    acknowledge(journal, first.incident_id, "ana", "I look at it", T0 + MINUTE)
    look(journal, RED, signal(day(1)), minutes=2)
    assert told(journal)[-1] == ("opened", "core.plays unpublished, 2026-03-01")
    assert [event for event, _ in told(journal)] == ["opened", "acknowledged", "opened"]


def test_a_cause_that_comes_and_goes_is_one_page_with_a_count(journal: Journal) -> None:
    for minute in range(20):
        look(journal, *([RED] if minute % 2 else []), minutes=minute)
    with journal.begin() as entries:
        [incident] = entries.all(INCIDENTS)
    assert incident.times == 10
    assert told(journal) == [("opened", "catalog unavailable")]


def test_a_cause_that_comes_back_within_a_day_is_the_same_incident(journal: Journal) -> None:
    for minute, signals in ((0, [RED]), (1, []), (30, []), (60, [RED])):
        look(journal, *signals, minutes=minute)
    assert [event for event, _ in told(journal)] == ["opened", "resolved", "changed"]
