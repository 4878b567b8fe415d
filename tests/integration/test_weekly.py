"""A weekly dataset by the ordinary cycle: run, restated, healed."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.lakes import KeptLake
from tests.support.weeks import BEGIN, PLAYS, W1, W2, WEEKS, publish_plays, stale, vtts, weekly, with_plays

from matinee.days import end_of
from matinee.healing.healer import apply
from matinee.ledger.ledger import history
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table.catalog import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    kept = KeptLake(tmp_path, with_plays, weekly("history: newest", of_input="on_restated: outdated"))
    opened = kept.begin()
    return Lake.open(opened.settings.model_copy(update={"engine": "sail"}))


def plays(settings: Settings) -> dict[object, int]:
    rows = Lake.open(settings).table(WEEKS).scan().to_arrow().to_pylist()
    return {row["week_end"]: row["plays"] for row in rows}


def test_a_week_is_run_outdated_and_healed_where_it_is_the_newest(lake: Lake) -> None:
    for key in (W1, W2):
        report = run(lake.settings, RunRequest(WEEKS, key, key))
        assert report.rows.read == min(7, (key - BEGIN).days + 1)
    assert plays(lake.settings) == {W1: 5, W2: 7}
    publish_plays(lake, [W1, W2], generation=2, stamp="b" * 16)
    assert stale(lake) == [(WEEKS, W2)]
    healed = [(decision.day, decision.decision) for decision in apply(lake.settings) if decision.dataset == WEEKS]
    assert healed == [(W2, "heal")]
    newest = history(lake, WEEKS).newest(W2)
    assert newest is not None
    assert newest.run.pin(PLAYS).days[W2] == 2
    assert (stale(lake), vtts(lake)) == ([], end_of(W2))


def test_any_day_may_be_a_key_that_a_person_names(lake: Lake) -> None:
    friday = W2 - timedelta(days=2)
    run(lake.settings, RunRequest(WEEKS, friday, friday))
    assert plays(lake.settings) == {friday: 7}
    assert vtts(lake) == end_of(friday)
