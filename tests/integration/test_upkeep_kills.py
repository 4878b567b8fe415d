"""kill -9 during upkeep, then the same call again: the ledger is complete and nothing needed is lost."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.kills import die, points_of
from tests.support.lakes import D1, ids, land_days

from matinee.ledger.ledger import recorded
from matinee.ledger.model import State
from matinee.maintenance import upkeep
from matinee.maintenance.retention import plan_expiry
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import CHECKOUT, Settings
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

pytestmark = pytest.mark.spark
PLAYS = "core.plays"
MUCH_LATER = datetime(2030, 1, 1, tzinfo=UTC)
JOB = str(CHECKOUT / "jobs" / "maintain.py")


@pytest.fixture
def lake(settings: Settings) -> Lake:
    settings = settings.model_copy(update={"engine": "sail"})
    lake = Lake.open(settings)
    land_days(lake, D1)
    for _ in range(3):
        run(settings, RunRequest(PLAYS, D1, D1))
    return lake


@pytest.mark.parametrize("point", points_of("recover"))
def test_a_recovery_that_was_killed_is_finished_by_the_next(lake: Lake, tmp_path: Path, point: str) -> None:
    lake.table(PLAYS).delete("play_id = 'p1'")
    die(lake.settings, point, tmp_path / "marker", JOB, "--what", "recover")
    upkeep.recover_all(lake.settings)
    states = [publication.state for publication in recorded(lake, PLAYS).values()]
    assert sorted(states) == [State.PUBLISHED, State.PUBLISHED, State.WITHDRAWN]


@pytest.mark.parametrize("point", points_of("withdraw"))
def test_a_withdrawal_that_was_killed_counts_and_recovery_records_it(lake: Lake, tmp_path: Path, point: str) -> None:
    word = ("-m", "matinee.cli.main", "day", "withdraw", PLAYS, str(D1), "--reason", "doubled starts")
    die(lake.settings, point, tmp_path / "marker", *word)
    reason = Validity(lake).status(PLAYS, D1).reason
    assert reason is not None
    assert reason.detail == "withdrawn: doubled starts"
    upkeep.recover_all(lake.settings)
    states = [publication.state for publication in recorded(lake, PLAYS).values()]
    assert sorted(states) == [State.PUBLISHED, State.PUBLISHED, State.WITHDRAWN]


@pytest.mark.parametrize("point", points_of("expire"))
def test_an_expiry_that_was_killed_is_finished_by_the_next(lake: Lake, tmp_path: Path, point: str) -> None:
    arguments = ("--what", "expire", "--dataset", PLAYS, "--now", MUCH_LATER.isoformat())
    die(lake.settings, point, tmp_path / "marker", JOB, *arguments)
    upkeep.expire_snapshots(lake.settings, PLAYS, MUCH_LATER)
    assert plan_expiry(lake, PLAYS, MUCH_LATER).snapshot_ids == ()
    assert ids(lake, PLAYS, "play_id") == ["o1", "p1"]
    assert Validity(lake).status(PLAYS, D1).valid
