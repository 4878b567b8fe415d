"""Whatever is down, the watcher says so once by its shipped rules, tells people and pings; then it goes on."""

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.alerts import MINUTE, Board, Clock
from tests.support.catalogs import create_database
from tests.support.lines import line_to

from matinee.alerts.journal.store import open_server
from matinee.alerts.journal.tables import INCIDENTS, LOOKS
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals.outlook import Outlook
from matinee.alerts.signals.registry import SOURCES
from matinee.alerts.signals.sources import Source
from matinee.alerts.watcher import Turn, Watcher
from matinee.settings import load_settings

pytestmark = [
    pytest.mark.embedded,
    # Drivers leave connections that a server has cut to the garbage collector.
    pytest.mark.filterwarnings("ignore"),
]
NOBODY = "127.0.0.1:9"
ROUTE = "board:kitchen"


class World:
    """A watcher of a lake whose parts are where the test says."""

    def __init__(self, home: Path, *, sources: tuple[Source, ...] = SOURCES, patience_s: float = 20.0) -> None:
        self.home, self.sources, self.patience_s = home, sources, patience_s
        self.clock, self.board = Clock(), Board()

    def watcher(self, journal: str | None = None, airflow: str | None = None, **lake: object) -> Watcher:
        settings = load_settings(home=self.home, **{"catalog": "embedded", "spark_remote": None, **lake})  # type: ignore[arg-type]
        stated = {"alerts_ping": str(self.home / "ping"), "alerts_route": ROUTE}
        ours = AlertSettings(**stated, alerts_journal=journal, alerts_airflow=airflow)  # type: ignore[arg-type]
        return Watcher(settings, ours, self.sources, self.board.open, "a", self.clock, patience_s=self.patience_s)

    def turn(self, watcher: Watcher, minutes: float = 1) -> Turn:
        self.clock.move(minutes)
        turn = watcher.turn()
        watcher.sender.wait(20)
        if watcher._pinging:
            watcher._pinging.join(20)
        return turn

    @property
    def said(self) -> list[str]:
        return sorted(said for said, _ in self.board.said)


def test_with_everything_down_each_cause_is_told_once_from_the_file(tmp_path: Path) -> None:
    world = World(tmp_path)
    gone = f"postgresql://u:p@{NOBODY}/lake"
    lake = {"catalog": "postgres", "catalog_uri": gone, "warehouse": str(tmp_path / "w")}
    watcher = world.watcher(gone, f"http://{NOBODY}", spark_remote=f"sc://{NOBODY}", **lake)
    turns = [world.turn(watcher) for _ in range(5)]
    watcher.close()
    resources = ("airflow", "catalog", "journal", "spark")
    assert world.said == [f"opened {resource} unavailable" for resource in resources]
    assert {"freshness", "healing", "stream_lag", "failure", "parity", "upkeep"} < set(turns[-1].blind)
    assert (tmp_path / "ping").read_text() == world.clock().isoformat()


def test_a_catalog_that_takes_calls_and_says_nothing_hangs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world = World(tmp_path, patience_s=0.5)
        uri = f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/lake?connect_timeout=2"
        watcher = world.watcher(catalog="postgres", catalog_uri=uri, warehouse=str(tmp_path / "w"))
        for _ in range(5):
            world.turn(watcher)
        watcher.close(seconds=5)
    assert world.said == ["opened catalog hangs"]


def test_what_was_down_and_answers_again_is_resolved(tmp_path: Path) -> None:
    world = World(tmp_path)
    down = world.watcher(spark_remote=f"sc://{NOBODY}")
    for _ in range(4):
        world.turn(down)
    down.close()
    with socket.create_server(("127.0.0.1", 0)) as spark:
        up = world.watcher(spark_remote=f"sc://127.0.0.1:{spark.getsockname()[1]}")
        for minutes in (1, 11):
            world.turn(up, minutes)
        up.close()
    assert world.said == ["opened spark unavailable", "resolved spark unavailable"]


@pytest.fixture
def server(postgres_uri: str) -> str:
    return create_database(postgres_uri)


@pytest.mark.postgres
def test_postgresql_that_goes_away_during_a_look_costs_no_look(server: str, tmp_path: Path) -> None:
    line, uri = line_to(server)

    def cut(outlook: Outlook) -> Iterator[object]:
        if outlook.at - first < 2 * MINUTE:
            line.cut()
        return iter(())

    world = World(tmp_path, sources=(Source("line", {"line": (cut, ())}),))  # type: ignore[dict-item]
    first, watcher = world.clock() + MINUTE, world.watcher(uri)
    turns = [world.turn(watcher) for _ in range(5)]
    assert [bool(turn.spooled) for turn in turns] == [True] * 5
    assert world.said == ["opened journal unavailable"]
    line.repair()
    turns = [world.turn(watcher, minutes) for minutes in (1, 11)]
    watcher.close()
    line.cut()
    assert [bool(turn.spooled) for turn in turns] == [False, False]
    assert world.said == ["opened journal unavailable", "resolved journal unavailable"]
    with closing(open_server(server)) as journal, journal.look() as entries:
        assert [incident.state for incident in entries.all(INCIDENTS)] == ["resolved"]
        assert len(entries.all(LOOKS)) == 7
    assert world.clock() - first == timedelta(minutes=16)
