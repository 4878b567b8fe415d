"""kill -9 while a set is pinned or ended: the next call finishes it."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.kills import die, points_of
from tests.lakes import D1, D2, D3, core_play, land, make_lake, pin, prepare, raw_play

from matinee.ledger.model import Run
from matinee.ledger.pinned_sets import end_overdue, held, hold, missing
from matinee.maintenance.pinning import pin as pin_set
from matinee.publication.move import drop_branches, move_to_main
from matinee.table import names, refs
from matinee.table.catalog import Lake

RAW, PLAYS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.play_attributions"
UNTIL, NOW = date(2099, 1, 1), datetime(2026, 3, 10, tzinfo=UTC)
PIN = ("-m", "matinee.cli.main", "pin", PLAYS, ATTRIBUTIONS, "--until", str(UNTIL), "--why", "model 7")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Plays of three days, and attributions of the first."""
    lake = make_lake(tmp_path / "home")
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2, D3)])
    for day in (D1, D2, D3):
        publish(lake, prepare(lake, PLAYS, day, [core_play(day, f"p{day.day}")], pins=(pin(lake, RAW, {}),)))
    pins = (pin(lake, PLAYS, {D1: 1}), pin(lake, "core.impressions", {}))
    publish(lake, prepare(lake, ATTRIBUTIONS, D1, [], pins=pins))
    return lake


def publish(lake: Lake, run: Run) -> None:
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(run.dataset), run)


def tagged(lake: Lake) -> list[str]:
    tables = {dataset: lake.table(dataset).metadata.refs for dataset in (PLAYS, ATTRIBUTIONS)}
    return [dataset for dataset, found in tables.items() if any(name.startswith(names.SET) for name in found)]


@pytest.mark.parametrize("point", [one for one in points_of("pin") if one != "pin.after_end"])
def test_a_set_that_was_cut_off_is_held_whole_after_the_next_call(lake: Lake, tmp_path: Path, point: str) -> None:
    die(lake.settings, point, tmp_path / "marker", *PIN)
    [cut_off] = held(lake)
    assert missing(lake, cut_off)
    again = pin_set(lake, [PLAYS, ATTRIBUTIONS], UNTIL, "model 7", "me", NOW)
    assert (held(lake), again, missing(lake, again)) == ([cut_off], cut_off, [])
    assert tagged(lake) == [PLAYS, ATTRIBUTIONS]


def test_a_set_that_was_cut_off_and_cannot_be_held_any_more_ends(lake: Lake, tmp_path: Path) -> None:
    die(lake.settings, "pin.after_tag", tmp_path / "marker", *PIN)
    head = refs.head(lake.table(ATTRIBUTIONS))
    publish(lake, prepare(lake, ATTRIBUTIONS, D1, []))
    lake.table(ATTRIBUTIONS).maintenance.expire_snapshots().by_ids([head]).commit()
    end_overdue(lake, NOW)
    assert (held(lake), tagged(lake)) == ([], [])


def test_the_end_of_a_set_that_was_cut_off_is_finished_by_the_next_call(lake: Lake, tmp_path: Path) -> None:
    one = hold(lake, {name: refs.head(lake.table(name)) for name in (PLAYS, ATTRIBUTIONS)}, UNTIL, "model 7", "me")
    die(lake.settings, "pin.after_end", tmp_path / "marker", "-m", "matinee.cli.main", "pins", "end", one.pin_id)
    assert (held(lake), tagged(lake)) == ([], [PLAYS, ATTRIBUTIONS])
    end_overdue(lake, NOW)
    assert tagged(lake) == []
