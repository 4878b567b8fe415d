"""Planning a run: what is pinned is what is read, also while others publish."""

from pathlib import Path

import pytest
from tests.support.lakes import D1, PLANNED, close_days, core_play, land, make_lake, pin, prepare, raw_play

from matinee.errors import CommitConflictError
from matinee.ledger.model import Publication, Run, State, from_row, to_row
from matinee.publication import plan as planning
from matinee.publication.move import move_to_main
from matinee.publication.plan import LOOKS, plan
from matinee.publication.request import RunRequest
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

PLAYS = "core.plays"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A day of plays, published once, and of no impressions."""
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1)])
    lake.ensure("raw.impressions")
    close_days(lake, "raw.impressions", {D1: 0})
    publish(lake, generation=1)
    nothing = prepare(lake, "core.impressions", D1, [], pins=(pin(lake, "raw.impressions", {D1: 0}),), read=0)
    move_to_main(lake, nothing, lambda _: ())
    return lake


def publish(lake: Lake, generation: int) -> None:
    pins = (pin(lake, "raw.plays", {D1: 1}),)
    run = prepare(lake, PLAYS, D1, [core_play(D1)], pins=pins, generation=generation)
    move_to_main(lake, run, lambda _: ())


def race(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Publish the plays again between the look at their rows and the look at their generations, so many times."""
    raced: list[int] = []

    def look(lake: Lake) -> Validity:
        if len(raced) < times:
            raced.append(1)
            publish(lake, generation=1 + len(raced))
        return Validity(lake)

    monkeypatch.setattr(planning, "Validity", look)


def test_an_input_published_during_planning_is_pinned_as_it_is_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    race(monkeypatch, 1)
    pinned = plan(lake, RunRequest("core.play_attributions", D1, D1)).run.pin(PLAYS)
    assert (pinned.snapshot_id, pinned.days[D1]) == (refs.head(lake.table(PLAYS)), 2)


def test_inputs_that_never_stand_still_are_a_conflict_and_leave_no_branch(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    race(monkeypatch, LOOKS)
    with pytest.raises(CommitConflictError, match="published again during each of 5 looks"):
        plan(lake, RunRequest("core.play_attributions", D1, D1))
    assert set(lake.table("core.play_attributions").metadata.refs) == {"main"}


def test_a_run_records_the_terms_of_its_contract(lake: Lake) -> None:
    run = plan(lake, RunRequest("core.play_attributions", D1, D1)).run
    assert run.terms == {
        "transform": "attribute_plays",
        "key": "play_id",
        "cells.of": "profile_id",
        "cells.buckets": "8",
        "input plays": "core.plays, 0d back, 0d ahead",
        "input impressions": "core.impressions, attribution.window back, 0d ahead",
        "attribution.window": "24h",
        "attribution.min_delay": "0s",
    }
    prepared = Publication(run, D1, State.PREPARED, 1, PLANNED)
    assert Run.from_summary(run.to_summary()) == from_row(to_row(prepared)).run == run
