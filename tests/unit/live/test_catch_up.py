"""Catching up, without an engine: which steps are run, under whose lease, and what stops them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.lakes import D1, at, kept, land, raw_impression, raw_play

from matinee.contracts.model import live_name
from matinee.errors import CommitConflictError, LeaseLostError, StreamPausedError
from matinee.landing.model import Landing
from matinee.live.catch_up import TRIES, update_live
from matinee.live.impressions import ATTRIBUTIONS, OUTCOMES, Pairs
from matinee.live.lease import streaming
from matinee.live.progress import Progress, progress
from matinee.live.register import Tick, record
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing
from matinee.table.leases.lease import Lease

IMPRESSIONS, PLAYS = "raw.impressions", "raw.plays"
CONFLICT = CommitConflictError("Others committed.", next_step="Again.", facts={})


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """The errors that the next steps raise; a step without an error notes how far it came, and moves no rows."""
    waiting = list[Exception]()

    def run(step: Pairs) -> None:
        if waiting:
            raise waiting.pop(0)
        for dataset in step._group.datasets:
            done = Progress(step._view.read)
            commit_nothing(step._lake, live_name(dataset), refs.MAIN, done.to_summary())

    monkeypatch.setattr(Pairs, "run", run)
    return waiting


def fill(lake: Lake) -> None:
    land(lake, IMPRESSIONS, [raw_impression(D1)], received=at(D1))
    lake.ensure(PLAYS)


kept_lake, lake = kept(fill)


@pytest.fixture
def lease(lake: Lake) -> Iterator[Lease]:
    with streaming(lake) as lease:
        yield lease


def follow(lake: Lake, lease: Lease | None = None) -> int:
    return update_live(lake, None, lease)  # type: ignore[arg-type]


def read(lake: Lake) -> list[dict[str, int]]:
    return [dict(progress(lake, dataset).read) for dataset in (ATTRIBUTIONS, OUTCOMES)]


def land_bad(lake: Lake) -> None:
    """Land 41 plays, of which 40 have no id."""
    reasons = {"missing_play_id": 40}
    told = Landing(PLAYS, "plays-bad.jsonl", "ab" * 32, 41, 1, 40, {}, at(D1), landing_seq=1, reasons=reasons)
    commit_nothing(lake, PLAYS, refs.MAIN, told.to_summary())


def test_the_live_tables_follow_until_nothing_is_left(lake: Lake, errors: list[Exception]) -> None:
    assert follow(lake) == 1
    assert read(lake) == [{IMPRESSIONS: 1, PLAYS: 0}] * 2
    assert follow(lake) == 0


def test_a_table_that_a_kill_left_behind_goes_first(lake: Lake, errors: list[Exception]) -> None:
    follow(lake)
    land(lake, PLAYS, [raw_play(D1)], received=at(D1))
    ahead = Progress({IMPRESSIONS: 1, PLAYS: 1})
    commit_nothing(lake, live_name(ATTRIBUTIONS), refs.MAIN, ahead.to_summary())
    assert follow(lake) == 1
    assert read(lake) == [{IMPRESSIONS: 1, PLAYS: 1}] * 2


def test_a_step_that_lost_a_race_is_run_again(lake: Lake, errors: list[Exception]) -> None:
    errors += [CONFLICT] * (TRIES - 1)
    assert follow(lake) == 1


def test_a_step_that_loses_every_race_fails(lake: Lake, errors: list[Exception]) -> None:
    errors += [CONFLICT] * TRIES
    with pytest.raises(CommitConflictError):
        follow(lake)
    assert (errors, read(lake)) == ([], [{}, {}])


def test_no_step_is_run_under_a_lease_that_was_lost(lake: Lake, errors: list[Exception], lease: Lease) -> None:
    with pytest.raises(LeaseLostError):
        follow(lake, replace(lease, number=lease.number - 1, holder="another"))
    assert read(lake) == [{}, {}]


def test_a_bad_landing_stops_the_live_tables(lake: Lake, errors: list[Exception]) -> None:
    land_bad(lake)
    with pytest.raises(StreamPausedError, match=r"plays-bad.jsonl, schema: 40 of 41 records are quarantined"):
        follow(lake)
    assert read(lake) == [{}, {}]


def test_what_was_landed_before_somebody_resumed_is_taken(lake: Lake, errors: list[Exception]) -> None:
    land_bad(lake)
    record(lake, Tick("resumed"))
    assert follow(lake) == 1


def test_what_is_landed_after_somebody_resumed_is_judged(lake: Lake, errors: list[Exception]) -> None:
    record(lake, Tick("resumed"))
    land_bad(lake)
    with pytest.raises(StreamPausedError):
        follow(lake)
