"""kill -9 while a set is pinned or ended, or days are dropped: the next call finishes it."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.support.kills import die, points_of
from tests.support.lakes import D1, D2, D3, core_play, ids, land, make_lake, pin, prepare, raw_play

from matinee.days import end_of
from matinee.ledger.dropping import begin_of
from matinee.ledger.model import Run
from matinee.ledger.pinned_sets import end_overdue, held, hold, missing
from matinee.maintenance import upkeep
from matinee.maintenance.pinning import pin as pin_set
from matinee.publication.move import drop_branches, move_to_main
from matinee.settings import CHECKOUT
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.validity.validity import Validity

RAW, PLAYS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.play_attributions"
UNTIL, NOW = date(2099, 1, 1), datetime(2026, 3, 10, tzinfo=UTC)
JOB = str(CHECKOUT / "jobs" / "maintain.py")
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
    return [dataset for dataset, tags in tables.items() if any(name.startswith(names.SET) for name in tags)]


@pytest.mark.parametrize("point", [point for point in points_of("pin") if point != "pin.after_end"])
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
    pinned = hold(lake, {name: refs.head(lake.table(name)) for name in (PLAYS, ATTRIBUTIONS)}, UNTIL, "model 7", "me")
    die(lake.settings, "pin.after_end", tmp_path / "marker", "-m", "matinee.cli.main", "pins", "end", pinned.pin_id)
    assert (held(lake), tagged(lake)) == ([], [PLAYS, ATTRIBUTIONS])
    end_overdue(lake, NOW)
    assert tagged(lake) == []


@pytest.mark.parametrize("point", points_of("drop"))
def test_a_drop_that_was_killed_leaves_days_that_are_gone_and_not_owed(
    lake: Lake, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = shutil.copytree(CHECKOUT / "sql", tmp_path / "sql")
    contract = sql / "core" / "plays" / "contract.odcs.yaml"
    kept = "\ncustomProperties:\n  - property: keep\n    value: 2d\n"
    contract.write_text(contract.read_text().replace("\ncustomProperties:\n", kept))
    assert "keep" in contract.read_text()
    monkeypatch.setenv("MATINEE_SQL_DIR", str(sql))
    settings = lake.settings.model_copy(update={"sql_dir": sql})
    arguments = ("--what", "expire", "--dataset", PLAYS, "--now", NOW.isoformat())
    die(settings, point, tmp_path / "marker", JOB, *arguments)
    again = upkeep.expire_snapshots(settings, PLAYS, NOW)
    assert again.details["days_dropped"] == 0
    assert (begin_of(lake.table(PLAYS)), ids(lake, PLAYS, "play_id")) == (D2, ["p2", "p3"])
    assert Validity(Lake.open(settings)).vtts(PLAYS).vtts == end_of(D3)
