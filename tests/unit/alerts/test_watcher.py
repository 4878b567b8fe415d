"""The watcher looks, tells and pings, whatever is down; one of several watchers does."""

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event as Gate
from threading import current_thread
from time import monotonic

import pytest
from tests.support.alerts import CATALOG, MINUTE, T0, Board, Clock, rule, signal

from matinee.alerts.journal.tables import INCIDENTS
from matinee.alerts.mirror import TABLE
from matinee.alerts.model import Kind, Signal
from matinee.alerts.rules.model import Route
from matinee.alerts.settings import AlertSettings, journal_file
from matinee.alerts.signals.outlook import Outlook
from matinee.alerts.signals.sources import Source, look
from matinee.alerts.watcher import Turn, Watcher, watch
from matinee.errors import CatalogUnavailableError, JournalUnavailableError, MatineeError, SettingsError
from matinee.settings import load_settings
from matinee.table.catalog import Lake
from matinee.table.registers import read_rows

BOARD = (Route("board", "kitchen"),)
RULES = (rule("failure"), rule("source"), rule("freshness"))


def source(name: str, *kinds: Kind, sees: Callable[[Outlook], Iterable[Signal]] = lambda _: ()) -> Source:
    return Source(name, {name: (sees, kinds)})


def raising(error: Exception) -> Callable[[Outlook], Iterable[Signal]]:
    def fail(_: Outlook) -> Iterable[Signal]:
        raise error

    return fail


class World:
    """A watcher in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.board, self.folder = Clock(), Board(), folder
        self.ping = folder / "ping"

    def watcher(self, *sources: Source, holder: str = "a", patience_s: float = 5.0, **ours: object) -> Watcher:
        settings = load_settings(home=self.folder, catalog="embedded", spark_remote=None)
        stated = {"alerts_ping": str(self.ping), "alerts_airflow": "http://airflow"} | ours
        told = AlertSettings(**stated)  # type: ignore[arg-type]
        rules: Callable[[], tuple[object, ...]] = lambda: RULES  # noqa: E731
        return Watcher(
            settings,
            told,
            sources,
            self.board.open,
            holder,
            self.clock,
            patience_s=patience_s,
            rules=rules,  # type: ignore[arg-type]
        )

    def turn(self, watcher: Watcher, minutes: int = 1) -> Turn:
        self.clock.move(minutes)
        turn = watcher.turn()
        watcher.sender.wait(10)
        if watcher._pinging:
            watcher._pinging.join(10)
        return turn


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_look_opens_an_incident_tells_it_and_pings(world: World) -> None:
    watcher = world.watcher(source("a", "failure", sees=lambda _: [signal(CATALOG)]))
    turn = world.turn(watcher)
    watcher.close()
    assert [str(change.event) for change in turn.changes] == ["opened"]
    assert [said for said, _ in world.board.said] == ["opened catalog unavailable"]
    assert world.ping.read_text() == world.clock().isoformat()


def test_the_lake_gets_a_copy_of_what_a_look_opens(world: World) -> None:
    watcher = world.watcher(source("a", "failure", sees=lambda _: [signal(CATALOG)]))
    world.turn(watcher)
    watcher.close()
    assert [row["subject"] for row in read_rows(Lake.open(watcher.settings), TABLE)] == ["catalog"]


def test_a_source_that_cannot_be_read_is_a_signal_and_others_are_looked_at(world: World) -> None:
    down = CatalogUnavailableError("no answer", next_step="look")
    red = signal(CATALOG)
    watcher = world.watcher(
        source("catalog", "freshness", sees=raising(down)), source("b", "failure", sees=lambda _: [red])
    )
    turn = world.turn(watcher)
    watcher.close()
    assert turn.blind == ("freshness",)
    [change] = turn.changes
    assert change.incident.witnesses == ("catalog unavailable", "look at catalog")


def test_an_error_that_nobody_expected_is_a_signal_too(world: World) -> None:
    watcher = world.watcher(source("b", "failure", sees=raising(ZeroDivisionError("x"))))
    [change] = world.turn(watcher).changes
    watcher.close()
    assert str(change.incident.identity) == "b unreadable"


def test_a_source_that_hangs_is_a_signal_and_delays_no_look(world: World) -> None:
    gate = Gate()
    hanging = source("slow", "freshness", sees=lambda _: [signal(CATALOG)][: gate.wait(20) * 0])
    watcher = world.watcher(hanging, source("b", "failure", sees=lambda _: [signal(CATALOG)]), patience_s=0.2)
    first, second = world.turn(watcher), world.turn(watcher)
    gate.set()
    watcher.close()
    assert sorted(str(change.incident.identity) for change in first.changes) == ["catalog unavailable", "slow hangs"]
    assert (second.blind, second.changes) == (("freshness",), ())
    assert world.ping.read_text() == world.clock().isoformat()


def test_of_two_watchers_one_looks_and_the_other_stands_by(world: World) -> None:
    first, second = world.watcher(holder="a"), world.watcher(holder="b")
    assert [world.turn(first).held_by, world.turn(second).held_by] == ["", "a"]
    first.close()
    assert world.turn(second).held_by == ""
    second.close()


def test_a_watcher_that_died_is_replaced(world: World) -> None:
    first, second = world.watcher(holder="a"), world.watcher(holder="b")
    world.turn(first)
    assert world.turn(second, minutes=4).held_by == ""
    for watcher in (first, second):
        watcher.close()


def test_rules_that_are_wrong_are_a_signal_and_the_last_right_rules_count(world: World) -> None:
    watcher = world.watcher(source("b", "failure", sees=lambda _: [signal(CATALOG)]))
    world.turn(watcher)
    watcher.rules = lambda: (_ for _ in ()).throw(SettingsError("line 3", next_step="correct it"))  # type: ignore[assignment]
    [change] = world.turn(watcher).changes
    watcher.close()
    assert str(change.incident.identity) == "rules of alerts wrong"


def test_without_a_journal_there_is_no_look_and_no_ping(world: World) -> None:
    file = journal_file(load_settings(home=world.folder))
    file.write_text("not a database, " * 100)
    watcher = world.watcher()
    with pytest.raises(JournalUnavailableError):
        watcher.turn()
    assert not world.ping.exists()


def test_a_watch_goes_on_after_an_error_that_may_pass(world: World) -> None:
    file = journal_file(load_settings(home=world.folder))
    file.write_text("not a database, " * 100)
    watcher = world.watcher()
    watcher.every = MINUTE / 60_000
    told: list[object] = []

    def tell(turn: Turn | MatineeError) -> None:
        told.append(turn)
        file.unlink(missing_ok=True)

    watch(watcher, tell, turns=2)
    watcher.close()
    assert [isinstance(turn, Turn) for turn in told] == [False, True]


def test_the_time_of_a_look_is_that_of_its_beginning(world: World) -> None:
    watcher = world.watcher(source("b", "failure"))
    assert world.turn(watcher).at == T0 + MINUTE
    watcher.close()


def test_without_rules_that_were_right_no_incident_ends_and_no_ping(world: World) -> None:
    first, second = world.watcher(source("b", "failure", sees=lambda _: [signal(CATALOG)])), world.watcher()
    world.turn(first)
    first.close()
    pinged = world.ping.read_text()
    second.rules = lambda: (_ for _ in ()).throw(SettingsError("line 3", next_step="correct it"))  # type: ignore[assignment]
    for _ in range(3):
        with pytest.raises(SettingsError):
            world.turn(second, minutes=60)
    with second.keeper.journal(world.clock()).begin() as entries:
        assert [each.state for each in entries.all(INCIDENTS)] == ["open"]
    second.close()
    assert world.ping.read_text() == pinged


def test_without_an_address_of_airflow_no_failure_is_gone(world: World) -> None:
    watcher = world.watcher(source("b", "failure", sees=lambda _: [signal(CATALOG)]))
    world.turn(watcher)
    watcher.close()
    without = world.watcher(alerts_airflow=None)
    turns = [world.turn(without, minutes=20) for _ in range(2)]
    without.close()
    assert [(turn.blind, turn.changes) for turn in turns] == [(("failure", "time_to_complete"), ())] * 2


def test_without_an_address_of_airflow_failures_end_as_the_last_seen_would(world: World) -> None:
    watcher = world.watcher(source("b", "failure", sees=lambda _: [signal(CATALOG)]))
    world.turn(watcher)
    watcher.close()
    without = world.watcher(alerts_airflow=None)
    days = [world.turn(without, minutes=minutes) for minutes in (60, 24 * 60, 46 * 60, 60)]
    gone = world.turn(without, minutes=20)
    without.close()
    assert [bool(turn.blind) for turn in days] == [True, True, True, False]
    assert [str(change.event) for change in gone.changes] == ["resolved"]


def test_a_source_whose_last_look_ends_during_this_look_is_blind(world: World) -> None:
    gate, hung = Gate(), []

    def wait(_: Outlook) -> Iterable[Signal]:
        hung.append(current_thread())
        gate.wait(20)
        return ()

    def free(_: Outlook) -> Iterable[Signal]:
        if world.clock() > T0 + MINUTE:
            gate.set()
            hung[0].join(10)
        return ()

    watcher = world.watcher(source("slow", "freshness", sees=wait), source("b", "failure", sees=free), patience_s=0.2)
    world.turn(watcher)
    watcher.patience_s = 5.0
    assert world.turn(watcher).blind == ("freshness",)
    watcher.close()


def test_all_sources_that_hang_together_take_no_longer_than_the_patience(world: World) -> None:
    gate = Gate()
    hanging = [source(f"s{number}", "freshness", sees=lambda _: [][: gate.wait(20) * 0]) for number in range(40)]
    begun = monotonic()
    look(hanging, Outlook(load_settings(home=world.folder), AlertSettings(), T0), 0.1)
    assert monotonic() - begun < 3
    gate.set()


def test_the_lease_outlasts_a_look_that_takes_all_its_patience(world: World) -> None:
    watcher = world.watcher(patience_s=300.0)
    world.turn(watcher)
    with watcher.keeper.journal(world.clock()).begin() as entries:
        assert entries.lease("watcher") == ("a", world.clock() + 10 * MINUTE)
    watcher.close()
