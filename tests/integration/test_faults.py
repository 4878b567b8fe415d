"""kill -9 between any two steps of the cycle, then the same run again: right rows, right ledger, nothing left over."""

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import get_args

import pytest
from tests.support.kills import KILLED_IN, die, points_of
from tests.support.lakes import D1, D2, ids, land, land_days, raw_play

from matinee import faults
from matinee.engine.server import free_port, start_server, stop_server
from matinee.errors import EngineUnavailableError, LeaseHeldError
from matinee.healing import healer
from matinee.healing.late import stale_days
from matinee.hooks import registered
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.ledger.recovery import recover
from matinee.maintenance.leftovers import clean, leftovers
from matinee.maintenance.upkeep import What
from matinee.publication.request import RunRequest
from matinee.publication.steps import audit, publish, run, write
from matinee.settings import CHECKOUT, Settings
from matinee.steps.main import HOOK
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.leases import lease
from matinee.table.registers import stamp
from matinee.validity.validity import Validity

pytestmark = pytest.mark.spark
PLAYS = "core.plays"
ROWS = ["o1", "p1"]
CLI = "matinee.cli.main"
HEAL_POINTS = [*points_of("heal"), "write.after_commit", "publish.after_move"]
REPLAY = "publish.after_replay"
CYCLE_POINTS = [point for point in points_of("write", "audit", "publish") if point != REPLAY]
FAST = {"audit.after_prepared", "publish.after_move"}
MOVED = {"publish.after_move", "publish.after_published", "publish.after_tag", "publish.after_drop"}


def run_and_die(settings: Settings, point: str, marker: Path, attempt: str = "r1") -> None:
    """Run the cycle in a process of its own that kills itself at a point; prove that it got there."""
    die(settings, point, marker, "-m", CLI, "run", PLAYS, "--key", str(D1), "--attempt", attempt)


@pytest.mark.parametrize("point", [p if p in FAST else pytest.param(p, marks=pytest.mark.slow) for p in CYCLE_POINTS])
def test_a_run_that_was_killed_can_be_run_again(settings: Settings, tmp_path: Path, point: str) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    run_and_die(settings, point, tmp_path / "marker")
    moved = point in MOVED
    assert ids(lake, PLAYS, "play_id") == (ROWS if moved else [])
    assert (history(lake, PLAYS).newest(D1) is not None) == moved
    run(settings, RunRequest(PLAYS, D1, D1, attempt="r2" if moved else "r1"))
    assert ids(lake, PLAYS, "play_id") == ROWS
    assert Validity(lake).status(PLAYS, D1).valid
    recover(lake, PLAYS)
    states = {record.publication_id: record.state for record in history(lake, PLAYS).all()}
    assert set(states.values()) == {State.PUBLISHED}


@pytest.mark.parametrize(
    "point",
    ["heal.after_day", *(pytest.param(p, marks=pytest.mark.slow) for p in HEAL_POINTS if p != "heal.after_day")],
)
def test_a_healer_that_was_killed_is_taken_over_when_its_lease_is_over(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    settings = settings.model_copy(update={"engine": "sail"})
    lake = Lake.open(settings)
    land_days(lake, D1)
    run(settings, RunRequest(PLAYS, D1, D1))
    land(lake, "raw.plays", [raw_play(D1, "late", title_id="never shown")], seq=3, close=False)
    die(settings, point, tmp_path / "marker", "-m", CLI, "heal", "apply")
    with pytest.raises(LeaseHeldError):
        healer.apply(settings)
    later = stamp() + lease.TIME
    monkeypatch.setattr(lease, "stamp", lambda: later)
    healer.apply(settings)
    assert ids(lake, PLAYS, "play_id") == ["late", *ROWS]
    assert list(stale_days(lake)) == []
    assert {record.state for record in history(lake, PLAYS).all()} == {State.PUBLISHED}


@pytest.mark.slow
def test_what_a_killed_run_left_is_named_and_cleaned(settings: Settings, tmp_path: Path) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    run_and_die(settings, "audit.after_prepared", tmp_path / "marker")
    left = list(leftovers(lake))
    assert [leftover.branch for leftover in left] == ["pin_core_plays_20260301_r1", "audit_core_plays_20260301_r1"]
    for leftover in left:
        clean(lake, leftover)
    assert list(leftovers(lake)) == []
    [record] = history(lake, PLAYS).all()
    assert record.state is State.ABANDONED


@pytest.mark.slow
def test_a_replay_that_was_killed_is_made_again(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"engine": "sail"})
    lake = Lake.open(settings)
    land_days(lake, D1, D2)
    identity = write(settings, RunRequest(PLAYS, D1, D1)).publication_id or ""
    audit(settings, PLAYS, identity)
    run(settings, RunRequest(PLAYS, D2, D2))
    main = refs.head(lake.table(PLAYS))
    publication = ("--dataset", PLAYS, "--publication-id", identity)
    die(settings, REPLAY, tmp_path / "marker", str(CHECKOUT / "jobs" / "publish.py"), *publication)
    assert refs.head(lake.table(PLAYS)) == main
    assert publish(settings, PLAYS, identity).replayed
    assert Validity(lake).status(PLAYS, D1).valid
    assert [name for name in lake.table(PLAYS).metadata.refs if name.startswith("replay_")] == []


def test_every_step_has_fault_points_and_a_test_kills_at_each() -> None:
    """It fails for a step that changes the lake, and for a fault point, at which no test kills."""
    # No table knows of an orphan file.
    steps = set(registered(HOOK)) - {"maintain", "serve"} | set(get_args(What)) - {"orphans"}
    # The step `serve` is made of what `kv` does; the service alone has a delta.
    steps |= {"kv", "delta"}
    # By the command line alone, at the first write of a lake, or as a part of `expire`.
    steps |= {"withdraw", "pin", "drop", "retire", "lake", "upgrade", "backup", "restore"}
    assert {point.split(".")[0] for point in faults.POINTS} == steps == set(KILLED_IN)
    for step, module in KILLED_IN.items():
        assert re.search(rf'points_of\([^)]*"{step}"', (Path(__file__).parent / f"{module}.py").read_text()), step


def test_each_fault_point_stands_in_the_code_once() -> None:
    source = [path.read_text() for path in Path(faults.__file__).parent.rglob("*.py")]
    points = [point for text in source for point in re.findall(r'faults\.reach\("([a-z_.]+)"\)', text)]
    assert sorted(points) == sorted(faults.POINTS)


@pytest.mark.slow
def test_a_server_that_dies_while_it_writes_leaves_main_as_it_was(
    settings: Settings, session_settings: Settings
) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    lake.ensure(PLAYS)
    server = start_server(session_settings, free_port(), die_with_us=True)
    doomed = settings.model_copy(update={"spark_remote": server.remote})

    def kill_when_the_branch_is_there() -> None:
        while not any(name.startswith("audit_") for name in lake.table(PLAYS).metadata.refs):
            time.sleep(0.02)
        os.killpg(server.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_the_branch_is_there)
    killer.start()
    start = time.monotonic()
    with pytest.raises(EngineUnavailableError):
        run(doomed, RunRequest(PLAYS, D1, D1, attempt="r1"))
    killer.join()
    stop_server(server)
    assert time.monotonic() - start < 60
    assert ids(lake, PLAYS, "play_id") == []
    run(settings, RunRequest(PLAYS, D1, D1, attempt="r1"))
    assert ids(lake, PLAYS, "play_id") == ROWS


def test_no_server_at_all_is_one_clear_error(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    nowhere = settings.model_copy(update={"spark_remote": f"sc://127.0.0.1:{free_port()}"})
    with pytest.raises(EngineUnavailableError, match="make up"):
        run(nowhere, RunRequest(PLAYS, D1, D1))
    assert refs.head(lake.table(PLAYS)) in refs.ancestry(lake.table(PLAYS))
