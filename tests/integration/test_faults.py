"""kill -9 between any two steps of the cycle, then the same run again: right rows, right ledger, nothing left over."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.lakes import D1, ids, land_days

from matinee import faults
from matinee.cycle.request import RunRequest
from matinee.cycle.steps import run
from matinee.engine.server import free_port, start_server, stop_server
from matinee.errors import EngineUnavailableError
from matinee.lake import refs
from matinee.lake.catalog import Lake
from matinee.lake.cleaning import clean, leftovers
from matinee.lake.ledger import history
from matinee.lake.publication import State
from matinee.lake.recovery import recover
from matinee.lake.validity import Validity
from matinee.settings import Settings

pytestmark = pytest.mark.spark
PLAYS = "core.plays"
ROWS = ["o1", "p1"]
CYCLE_POINTS = [point for point in faults.POINTS if not point.startswith("ingest.")]
FAST = {"audit.after_prepared", "publish.after_move"}
MOVED = {"publish.after_move", "publish.after_published", "publish.after_tag", "publish.after_drop"}


def run_and_die(settings: Settings, point: str, marker: Path, attempt: str = "r1") -> None:
    """Run the cycle in a process of its own that kills itself at a point; prove that it got there."""
    environment = os.environ | {
        "MATINEE_HOME": str(settings.home),
        "SPARK_REMOTE": settings.spark_remote or "",
        "MATINEE_FAULT": point,
        "MATINEE_FAULT_MARKER": str(marker),
    }
    command = [sys.executable, "-m", "matinee.cli.main", "run", PLAYS, "--key", str(D1), "--attempt", attempt]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert marker.read_text().strip() == point


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


def test_what_a_killed_run_left_is_named_and_cleaned(settings: Settings, tmp_path: Path) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    run_and_die(settings, "audit.after_prepared", tmp_path / "marker")
    [leftover] = leftovers(lake)
    assert leftover.branch == "audit_core_plays_20260301_r1"
    clean(lake, leftover)
    assert list(leftovers(lake)) == []
    [record] = history(lake, PLAYS).all()
    assert record.state is State.ABANDONED


def test_every_step_has_a_fault_point_that_a_test_kills() -> None:
    source = Path(faults.__file__).parent
    reached = {
        point
        for file in source.rglob("*.py")
        for point in faults.POINTS
        if file.name != "faults.py" and f'faults.reach("{point}")' in file.read_text()
    }
    assert reached == set(faults.POINTS)


def test_a_server_that_dies_while_it_writes_leaves_main_and_the_next_server_finishes(
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
