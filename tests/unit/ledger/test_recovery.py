"""Recovery makes the ledger follow `main`, and leaves alone what other processes do meanwhile."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, after_the_ledger, core_play, make_lake, prepare

from matinee.ledger.ledger import history, recorded
from matinee.ledger.model import State
from matinee.ledger.recovery import recover
from matinee.publication.move import drop_branches, move_to_main
from matinee.publication.record import give_up
from matinee.report import Verdict
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def nothing_to_audit(_: int) -> tuple[Verdict, ...]:
    """Return no verdicts: no audit looks across days here."""
    return ()


def test_recovery_records_what_reached_main_once(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    move_to_main(lake, run, nothing_to_audit)
    assert [row.state for row in recover(lake, PLAYS)] == [State.PUBLISHED]
    assert recover(lake, PLAYS) == ()


def test_recovery_abandons_what_lost_its_branch(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    table = lake.table(PLAYS)
    refs.remove(table, run.branch, expected=refs.head(table, run.branch))
    assert [row.state for row in recover(lake, PLAYS)] == [State.ABANDONED]
    assert history(lake, PLAYS).newest(D1) is None


def test_recovery_leaves_a_live_run_alone(lake: Lake) -> None:
    prepare(lake, PLAYS, D1, [core_play(D1)])
    assert recover(lake, PLAYS) == ()


def test_recovery_passes_over_what_another_run_prepares_meanwhile(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(lake, PLAYS, D1, [core_play(D1)])
    after_the_ledger(monkeypatch, lambda: prepare(lake, PLAYS, D2, [core_play(D2)]))
    assert recover(lake, PLAYS) == ()
    assert [row.state for row in recorded(lake, PLAYS).values()] == [State.PREPARED] * 2


def test_recovery_abandons_nothing_that_is_published_meanwhile(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])

    def meanwhile() -> None:
        move_to_main(lake, run, nothing_to_audit)
        drop_branches(lake.table(PLAYS), run)

    after_the_ledger(monkeypatch, meanwhile)
    assert [row.state for row in recover(lake, PLAYS)] == [State.PUBLISHED]


def test_recovery_leaves_the_reason_of_what_is_given_up_meanwhile(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    after_the_ledger(monkeypatch, lambda: give_up(lake, run, "withdrawn"))
    assert recover(lake, PLAYS) == ()
    assert recorded(lake, PLAYS)[run.publication_id, D1].reason == "withdrawn"
