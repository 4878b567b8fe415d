"""The journal gives back what was written, keeps its file private, and lets writers take turns."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from tests.support.alerts import BOARD, CATALOG, MINUTE, T0, alarm, day, journal_in, signal

from matinee.alerts.folding import fold
from matinee.alerts.incidents import step
from matinee.alerts.journal.records import Delivery, LookNote, Note, Span, Window
from matinee.alerts.journal.store import Journal, open_file
from matinee.alerts.journal.tables import DELIVERIES, INCIDENTS, LOOKS, NOTES, SPANS, WINDOWS
from matinee.alerts.messages import message
from matinee.errors import JournalUnavailableError
from matinee.sinks.message import Event

INCIDENT = step([], fold([alarm(day(1), CATALOG)], []), T0, (BOARD,))[0].incident
DELIVERY = Delivery(BOARD, message(INCIDENT, Event.OPENED, T0, "seen"), "waiting", T0, T0)
SPAN = Span(signal(day(1), CATALOG, since=T0, facts={"a": "b"}), T0, T0)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = journal_in(tmp_path / "alerts")
    yield journal
    journal.close()


def test_every_record_is_read_as_it_was_written(journal: Journal) -> None:
    records = [
        (SPANS, SPAN),
        (INCIDENTS, INCIDENT),
        (NOTES, Note("x", T0, "opened", "watcher", "seen")),
        (DELIVERIES, DELIVERY),
        (WINDOWS, Window("w", T0, T0 + MINUTE, "ana", "upgrade", T0, ("core.*",), CATALOG)),
        (LOOKS, LookNote(T0, "host-1", ("failure",), 1.5)),
    ]
    with journal.begin() as entries:
        for shelf, record in records:
            entries.put(shelf, record)  # type: ignore[arg-type]
    with journal.begin() as entries:
        assert [entries.all(shelf) for shelf, _ in records] == [[record] for _, record in records]


def test_a_record_takes_the_place_of_its_earlier_version(journal: Journal) -> None:
    with journal.begin() as entries:
        entries.put(DELIVERIES, DELIVERY, replace(DELIVERY, state="sent", told="t1"))
        assert [each.told for each in entries.all(DELIVERIES)] == ["t1"]
        assert entries.all(DELIVERIES, state="waiting") == []


def test_the_records_of_one_incident_are_told_apart_by_their_names(journal: Journal) -> None:
    of_other = replace(DELIVERY, message=replace(DELIVERY.message, incident_id="20260305-1200-a_b%"))
    with journal.begin() as entries:
        entries.put(DELIVERIES, DELIVERY, of_other)
        assert entries.all(DELIVERIES, prefix="20260305-1200-a_b%-") == [of_other]
        assert entries.all(DELIVERIES, prefix="20260305-1200-a%") == []
        assert entries.all(DELIVERIES, prefix=f"{INCIDENT.incident_id}-") == [DELIVERY]


def test_the_records_that_were_written_last_can_be_had_alone(journal: Journal) -> None:
    looks = [LookNote(T0 + number * MINUTE, "host-1") for number in range(4)]
    with journal.begin() as entries:
        entries.put(LOOKS, *looks[::-1])
        assert entries.all(LOOKS, newest=2) == looks[2:]
        assert entries.all(LOOKS, newest=9) == looks


def test_nothing_of_a_transaction_that_fails_is_kept(journal: Journal) -> None:
    def fail() -> None:
        with journal.begin() as entries:
            entries.put(INCIDENTS, INCIDENT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with journal.begin() as entries:
        assert entries.all(INCIDENTS) == []


def test_only_the_owner_can_read_the_files(journal: Journal, tmp_path: Path) -> None:
    with journal.begin() as entries:
        entries.put(INCIDENTS, INCIDENT)
        files = [*(tmp_path / "alerts").iterdir()]
        assert len(files) > 1
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "alerts").stat().st_mode) == 0o700


def test_writers_take_turns(journal: Journal, tmp_path: Path) -> None:
    with journal.begin() as entries:
        entries.put(NOTES, Note("x", T0, "0", "", ""))

    def add() -> None:
        other = open_file(tmp_path / "alerts" / "journal.db")
        for _ in range(10):
            with other.begin() as entries:
                [newest] = entries.all(NOTES, owner="x")
                entries.put(NOTES, replace(newest, why=newest.why + "."))
        other.close()

    threads = [Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with journal.begin() as entries:
        assert [len(note.why) for note in entries.all(NOTES)] == [30]


def test_what_is_old_and_over_is_pruned(journal: Journal) -> None:
    old = T0 - timedelta(days=200)
    gone, held = replace(SPAN, gone_at=old), replace(SPAN, first_seen=old)
    resolved = replace(INCIDENT, incident_id="r", state="resolved", changed_at=old)
    lingering = replace(resolved, incident_id="l", ended_by="ana")
    with journal.begin() as entries:
        entries.put(SPANS, gone, held)
        entries.put(INCIDENTS, replace(resolved, gone_since=old), lingering, replace(INCIDENT, changed_at=old))
        entries.prune(T0 - timedelta(days=180))
        assert entries.all(SPANS) == [held]
        assert {each.incident_id for each in entries.all(INCIDENTS)} == {"l", INCIDENT.incident_id}


def test_a_lease_has_one_holder_until_its_time_is_over(journal: Journal) -> None:
    with journal.begin() as entries:
        assert entries.take("watcher", "a", T0, 3 * MINUTE)
        assert not entries.take("watcher", "b", T0 + MINUTE, 3 * MINUTE)
        assert entries.take("watcher", "a", T0 + 2 * MINUTE, 3 * MINUTE)
        assert entries.take("watcher", "b", T0 + 5 * MINUTE, 3 * MINUTE)
        assert entries.lease("watcher") == ("b", T0 + 8 * MINUTE)


def test_a_lease_that_was_given_up_is_free(journal: Journal) -> None:
    with journal.begin() as entries:
        entries.take("watcher", "a", T0, 3 * MINUTE)
        entries.release("watcher", "b")
        assert entries.lease("watcher") is not None
        entries.release("watcher", "a")
        assert entries.take("watcher", "b", T0, MINUTE)


def test_of_two_versions_the_newer_is_taken_from_another_journal(journal: Journal) -> None:
    newer = replace(INCIDENT, changed_at=T0 + MINUTE, state="acknowledged")
    with journal.begin() as entries:
        entries.put(INCIDENTS, newer)
        entries.take_newer(INCIDENTS, [INCIDENTS.row(INCIDENT)])
        assert entries.all(INCIDENTS) == [newer]
        entries.take_newer(INCIDENTS, [INCIDENTS.row(replace(newer, changed_at=T0 + 2 * MINUTE, state="resolved"))])
        assert [each.state for each in entries.all(INCIDENTS)] == ["resolved"]


def test_a_file_that_is_no_journal_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("not a database, " * 100)
    with pytest.raises(JournalUnavailableError, match=r"journal\.db"):
        open_file(tmp_path / "journal.db")


def test_a_reader_does_not_wait_for_a_writer(journal: Journal) -> None:
    with journal.begin() as writing:
        writing.put(INCIDENTS, INCIDENT)
        with journal.look() as looking:
            assert looking.all(INCIDENTS) == []
    with journal.look() as looking:
        assert looking.all(INCIDENTS) == [INCIDENT]
