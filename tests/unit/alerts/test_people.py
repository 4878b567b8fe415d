"""People acknowledge, silence and resolve an incident by its name; who and why stand in the journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.alerts import CATALOG, MINUTE, T0, day, journal_in, rule, signal

from matinee.alerts.evaluation import evaluate
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import DELIVERIES, INCIDENTS, NOTES, WINDOWS
from matinee.alerts.model import Signal
from matinee.alerts.people import acknowledge, end_window, open_window, resolve, silence
from matinee.errors import UsageError

RED = signal(CATALOG)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = journal_in(tmp_path)
    look(journal, RED)
    yield journal
    journal.close()


def look(journal: Journal, *signals: Signal, minutes: int = 0) -> list[str]:
    with journal.begin() as entries:
        changes = evaluate(entries, signals, [rule()], T0 + minutes * MINUTE, ())
    return [f"{change.event} {change.incident.identity}" for change in changes if change.event]


def name(journal: Journal) -> str:
    with journal.begin() as entries:
        return entries.all(INCIDENTS)[0].incident_id


def told(journal: Journal) -> list[str]:
    with journal.begin() as entries:
        sent = sorted(entries.all(DELIVERIES), key=lambda each: each.message.sequence)
    return [f"{each.message.sequence} {each.message.event.value}" for each in sent]


def test_an_acknowledgement_is_told_and_stops_the_repeats(journal: Journal) -> None:
    acknowledge(journal, name(journal), "ana", "on it", T0 + MINUTE)
    assert look(journal, RED, minutes=300) == []
    assert told(journal) == ["1 opened", "2 acknowledged"]
    with journal.begin() as entries:
        note = entries.all(NOTES)[-1]
    assert (note.event, note.who, note.why) == ("acknowledged", "ana", "ana: on it")


def test_what_a_person_resolved_is_told_and_keeps_its_verdict(journal: Journal) -> None:
    resolve(journal, name(journal), "noise", "ana", "a test", T0 + MINUTE)
    assert look(journal, RED, minutes=2) == []
    assert told(journal) == ["1 opened", "2 resolved"]
    with journal.begin() as entries:
        assert [each.verdict for each in entries.all(INCIDENTS)] == ["noise"]


def test_a_verdict_can_be_given_after_the_signals_have_stopped(journal: Journal) -> None:
    look(journal, minutes=1)
    assert look(journal, minutes=20) == ["resolved catalog unavailable"]
    after = resolve(journal, name(journal), "real", "ana", "", T0 + 30 * MINUTE)
    assert (after.verdict, after.resolved_at) == ("real", T0 + 20 * MINUTE)
    assert told(journal) == ["1 opened", "2 resolved"]


def test_a_silence_covers_one_cause_until_its_end(journal: Journal) -> None:
    silence(journal, name(journal), T0 + 180 * MINUTE, "ana", "known", T0 + MINUTE)
    assert look(journal, RED, signal(day(1)), minutes=100) == ["opened core.plays unpublished, 2026-03-01"]
    assert "repeated catalog unavailable" in look(journal, RED, signal(day(1)), minutes=180)


def test_a_window_ends_when_a_person_ends_it(journal: Journal) -> None:
    window = open_window(journal, ("core.*",), T0, T0 + 60 * MINUTE, "ana", "upgrade", T0)
    assert look(journal, RED, signal(day(1)), minutes=1) == []
    end_window(journal, window.window_id, T0 + 2 * MINUTE)
    assert look(journal, RED, signal(day(1)), minutes=2) == ["opened core.plays unpublished, 2026-03-01"]
    with pytest.raises(UsageError, match="No window"):
        end_window(journal, window.window_id, T0 + 3 * MINUTE)


def test_a_window_has_an_end_after_its_beginning(journal: Journal) -> None:
    with pytest.raises(UsageError, match="not after the beginning"):
        open_window(journal, ("*",), T0, T0, "ana", "x", T0)
    with pytest.raises(UsageError, match="past"):
        silence(journal, name(journal), T0, "ana", "x", T0)
    with journal.begin() as entries:
        assert entries.all(WINDOWS) == []


def test_an_incident_that_is_not_there_is_a_wrong_call(journal: Journal) -> None:
    with pytest.raises(UsageError, match="No incident is called x"):
        acknowledge(journal, "x", "ana", "", T0)


def test_a_resolved_incident_is_not_acknowledged(journal: Journal) -> None:
    resolve(journal, name(journal), "real", "ana", "", T0)
    with pytest.raises(UsageError, match="is resolved"):
        acknowledge(journal, name(journal), "ana", "", T0)
