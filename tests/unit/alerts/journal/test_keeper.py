"""The file in the home takes over from PostgreSQL, knows what is open, and hands over what it wrote meanwhile."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.alerts import CATALOG, MINUTE, T0, day, rule, signal
from tests.support.catalogs import create_database
from tests.support.lines import line_to

from matinee.alerts.evaluation import evaluate
from matinee.alerts.journal.keeper import Keeper, open_journal
from matinee.alerts.journal.records import Window
from matinee.alerts.journal.store import Journal, open_file, open_server
from matinee.alerts.journal.tables import INCIDENTS, SPANS, WINDOWS
from matinee.alerts.model import Signal
from matinee.alerts.people import acknowledge
from matinee.errors import JournalUnavailableError

pytestmark = pytest.mark.postgres
LONG = timedelta(days=9)


class World:
    """A server of its own, behind a line, and the file of a watcher."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.direct, self.file = create_database(uri), folder / "alerts" / "journal.db"
        self.line, self.uri = line_to(self.direct)
        self.keeper = Keeper(self.file, self.uri)

    def restart(self) -> None:
        """Start another process of the watcher."""
        self.keeper.close()
        self.keeper = Keeper(self.file, self.uri)

    def look(self, minutes: int, *signals: Signal) -> list[str]:
        """Look as the watcher does; return what is told."""
        at = T0 + minutes * MINUTE
        with self.keeper.journal(at).begin() as entries:
            changes = evaluate(entries, signals, [rule()], at, ())
        self.keeper.copy(at)
        return [f"{change.event} {change.incident.identity.subject}" for change in changes if change.event]

    def server(self) -> Journal:
        """The journal of the server, past the line."""
        return open_server(self.direct)


@pytest.fixture
def world(postgres_uri: str, tmp_path: Path) -> Iterator[World]:
    world = World(postgres_uri, tmp_path)
    yield world
    world.keeper.close()
    world.line.cut()


def test_an_incident_of_the_server_is_not_told_again_without_it(world: World) -> None:
    assert world.look(0, signal(CATALOG)) == ["opened catalog"]
    world.line.cut()
    assert world.look(1, signal(CATALOG)) == []
    assert world.keeper.why_not is not None


def test_what_was_opened_meanwhile_goes_to_the_server_once_it_answers(world: World) -> None:
    world.look(0, signal(CATALOG))
    world.line.cut()
    assert world.look(1, signal(CATALOG), signal(day(1))) == ["opened core.plays"]
    world.line.repair()
    assert world.look(2, signal(CATALOG), signal(day(1))) == []
    assert world.keeper.why_not is None
    with closing(world.server()) as server, server.begin() as entries:
        assert len(entries.all(INCIDENTS)) == 2
        assert [span.first_seen - T0 for span in entries.all(SPANS)] == [0 * MINUTE, MINUTE]


def test_a_server_that_is_down_from_the_beginning_stops_no_look(world: World) -> None:
    world.line.cut()
    assert world.look(0, signal(CATALOG)) == ["opened catalog"]
    world.line.repair()
    assert world.look(1, signal(CATALOG)) == []
    with closing(world.server()) as server, server.begin() as entries:
        assert len(entries.all(INCIDENTS)) == 1


def test_what_a_person_did_on_the_server_holds_without_the_server(world: World) -> None:
    world.look(0, signal(CATALOG))
    with closing(world.server()) as server:
        with server.begin() as entries:
            [incident] = entries.all(INCIDENTS)
        acknowledge(server, incident.incident_id, "ana", "on it", T0 + MINUTE)
    world.look(2, signal(CATALOG))
    world.line.cut()
    assert world.look(300, signal(CATALOG)) == []


def test_an_old_acknowledged_incident_is_known_on_another_machine(world: World) -> None:
    world.look(0, signal(CATALOG))
    with closing(world.server()) as server, server.begin() as entries:
        [incident] = entries.all(INCIDENTS)
        entries.put(INCIDENTS, replace(incident, state="acknowledged", changed_at=T0 - LONG))
        entries.put(WINDOWS, Window("w", T0 - LONG, T0 + LONG, "ana", "upgrade", T0 - LONG, ("core.*",)))
    world.keeper.close()
    world.file.unlink()
    world.restart()
    world.keeper.journal(T0 + MINUTE)
    world.line.cut()
    assert world.look(2, signal(CATALOG), signal(day(1))) == []


def test_the_file_keeps_no_more_than_the_server(world: World) -> None:
    world.look(0, signal(CATALOG))
    world.look(1)
    world.keeper.prune(T0 + LONG)
    with closing(open_file(world.file)) as file, file.begin() as entries:
        assert entries.all(SPANS) == []
    world.restart()
    world.keeper.journal(T0 + LONG)
    with closing(world.server()) as server, server.begin() as entries:
        assert entries.all(SPANS) == []


def test_what_ended_while_the_watcher_was_off_has_ended_in_the_file(world: World) -> None:
    world.look(0, signal(CATALOG))
    with closing(world.server()) as server, server.begin() as entries:
        [incident] = entries.all(INCIDENTS)
        ended = replace(incident, state="resolved", resolved_at=T0 + MINUTE, changed_at=T0 + MINUTE)
        entries.put(INCIDENTS, replace(ended, gone_since=T0))
    world.restart()
    world.keeper.journal(T0 + LONG)
    with closing(open_file(world.file)) as file, file.begin() as entries:
        assert [each.state for each in entries.all(INCIDENTS)] == ["resolved"]


def test_what_a_person_did_without_the_server_goes_there_once_it_answers(world: World) -> None:
    world.look(0, signal(CATALOG))
    world.line.cut()
    with closing(open_journal(world.file, world.uri)) as journal:
        with journal.look() as entries:
            [incident] = entries.all(INCIDENTS)
        acknowledge(journal, incident.incident_id, "ana", "on it", T0 + MINUTE)
    assert world.look(2, signal(CATALOG)) == []
    world.line.repair()
    assert world.look(300, signal(CATALOG)) == []
    with closing(world.server()) as server, server.look() as entries:
        assert [each.state for each in entries.all(INCIDENTS)] == ["acknowledged"]


def test_without_server_and_copy_nobody_is_told_that_all_is_well(world: World, tmp_path: Path) -> None:
    world.line.cut()
    with pytest.raises(JournalUnavailableError):
        open_journal(tmp_path / "none" / "journal.db", world.uri)
    assert not (tmp_path / "none").exists()


def test_the_lock_of_the_server_is_not_waited_for_for_ever(postgres_uri: str) -> None:
    with closing(open_server(create_database(postgres_uri))) as journal, journal.begin() as entries:
        assert entries.connection.exec_driver_sql("SHOW lock_timeout").scalar() == "20s"
