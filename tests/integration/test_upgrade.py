"""Upgrade of a lake of format 1, as far as no engine is needed; `test_older_lake` upgrades one of an older version."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.kills import die, points_of
from tests.support.lakes import D1, PLANNED, ids, land, make_lake, raw_play

from matinee.cli.main import main
from matinee.errors import LakeFormatError, LeaseHeldError
from matinee.maintenance.upgrade import plan, upgrade
from matinee.settings import Settings
from matinee.table import lake_format, refs
from matinee.table.catalog import Lake
from matinee.table.commits import replace_files
from matinee.table.lake_format import CURRENT, LAKE
from matinee.table.leases import lease
from matinee.table.registers import stamp

RAW, MANIFESTS, BRANCH = "raw.plays", "ops.manifests", "lease_heal"
UPGRADE = ("-m", "matinee.cli.main", "lake", "upgrade")


def old_contracts(settings: Settings, folder: Path) -> Settings:
    """Settings whose contract of the manifests lacks its newest column."""
    shutil.copytree(settings.sql_dir, folder)
    contract = folder / "ops" / "manifests" / "contract.odcs.yaml"
    columns, rest = contract.read_text().split("      - name: expected_distinct")
    contract.write_text(f"{columns}customProperties:{rest.split('customProperties:')[1]}")
    return settings.model_copy(update={"sql_dir": folder})


def make_older(home: Path, folder: Path, until: datetime) -> Lake:
    """A lake of format 1, with a lease that a healer held until then and without a column."""
    settings = make_lake(home).settings
    lake = Lake.open(old_contracts(settings, folder))
    land(lake, RAW, [raw_play(D1)], close=False)
    lake.ensure(MANIFESTS)
    table = refs.create_branch(lake.table(RAW), BRANCH, refs.head(lake.table(RAW)))
    replace_files(table, BRANCH, [], [], {lease.HOLDER: "host/1/2", lease.UNTIL: until.isoformat()})
    lake.catalog.drop_table(LAKE)
    shutil.rmtree(home / "warehouse" / "ops" / "lake")
    lake_format._seen.clear()
    return Lake.open(settings)


@pytest.fixture
def older(tmp_path: Path) -> Lake:
    return make_older(tmp_path / "home", tmp_path / "sql", PLANNED)


def columns(lake: Lake, dataset: str) -> list[str]:
    return [field.name for field in lake.table(dataset).schema().fields]


def assert_is_current(lake: Lake) -> None:
    assert lake_format.number(lake) == CURRENT
    assert BRANCH not in lake.table(RAW).metadata.refs
    assert "expected_distinct" in columns(lake, MANIFESTS)
    assert ids(lake, RAW, "play_id") == ["p1"]
    assert lake.table(LAKE).scan().to_arrow().num_rows == 1


def test_a_lake_of_format_1_is_brought_to_the_current_one(older: Lake) -> None:
    upgrade(older)
    assert_is_current(older)


def test_an_upgraded_lake_is_written_to(older: Lake) -> None:
    upgrade(older)
    land(older, RAW, [raw_play(D1, "p2")])
    assert ids(Lake.open(older.settings), RAW, "play_id") == ["p1", "p2"]


def test_an_upgrade_of_a_current_lake_does_nothing(older: Lake) -> None:
    upgrade(older)
    before = older.table(LAKE).metadata_location
    assert upgrade(Lake.open(older.settings)) == []
    assert older.table(LAKE).metadata_location == before


def test_an_upgrade_of_a_new_lake_does_nothing(tmp_path: Path) -> None:
    assert upgrade(make_lake(tmp_path)) == []


def test_a_dry_run_prints_the_steps_and_changes_nothing(
    older: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(older.settings.home))
    main(["lake", "upgrade", "--dry-run", "--output", "json"])
    assert json.loads(capsys.readouterr().out) == [
        {"dataset": RAW, "step": f"remove branch {BRANCH}", "state": "to do"},
        {"dataset": MANIFESTS, "step": "add expected_distinct: nothing -> long", "state": "to do"},
        {"dataset": LAKE, "step": f"format 1 -> {CURRENT}", "state": "to do"},
    ]
    assert lake_format.number(older) == lake_format.FIRST
    assert BRANCH in older.table(RAW).metadata.refs


def test_an_upgrade_waits_for_a_lease_that_an_older_version_holds(tmp_path: Path) -> None:
    lake = make_older(tmp_path / "home", tmp_path / "sql", stamp() + timedelta(minutes=5))
    with pytest.raises(LeaseHeldError, match="host/1/2"):
        upgrade(lake)
    assert BRANCH in lake.table(RAW).metadata.refs
    with pytest.raises(LakeFormatError):
        lake.ensure(RAW)


def test_an_upgrade_waits_for_a_lease_beside_the_catalog(older: Lake) -> None:
    with (
        lake_format.upgrading(older.catalog),
        lease.hold(older, MANIFESTS, "work", "other"),
        pytest.raises(LeaseHeldError, match="other"),
    ):
        upgrade(Lake.open(older.settings))


@pytest.mark.parametrize("point", points_of("upgrade", "lake"))
def test_an_upgrade_that_was_killed_is_finished_by_the_next(older: Lake, tmp_path: Path, point: str) -> None:
    die(older.settings, point, tmp_path / "marker", *UPGRADE)
    with pytest.raises(LakeFormatError):
        Lake.open(older.settings).ensure(RAW)
    upgrade(Lake.open(older.settings))
    assert_is_current(older)
    assert plan(older) == []


@pytest.mark.parametrize("point", points_of("lake"))
def test_a_lake_that_was_killed_at_its_first_table_is_begun_by_the_next(tmp_path: Path, point: str) -> None:
    settings = make_lake(tmp_path / "home").settings
    begin = "from matinee.settings import load_settings; from matinee.table.catalog import Lake; "
    die(settings, point, tmp_path / "marker", "-c", begin + "Lake.open(load_settings()).ensure('raw.plays')")
    lake = Lake.open(settings)
    assert lake_format.number(lake) is None
    lake.ensure(RAW)
    assert lake_format.number(lake) == CURRENT


def test_two_that_begin_one_lake_give_it_one_number(tmp_path: Path) -> None:
    first, second = make_lake(tmp_path), make_lake(tmp_path)
    first.ensure(RAW)
    second.ensure("core.plays")
    assert first.table(LAKE).scan().to_arrow().num_rows == 1


def test_the_rows_of_an_upgrade_say_which_version_did_it(older: Lake) -> None:
    from matinee import __version__

    upgrade(older)
    [row] = older.table(LAKE).scan().to_arrow().to_pylist()
    assert (row["format"], row["code_version"]) == (CURRENT, __version__)


def test_a_lake_of_format_2_gets_the_number_alone(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    lake.ensure(RAW)
    lake_format.record(lake, 2)
    lake_format._seen.clear()
    older = make_lake(tmp_path)
    with pytest.raises(LakeFormatError, match="matinee lake upgrade"):
        refs.create_branch(older.table(RAW), BRANCH, refs.head(older.table(RAW)))
    assert [(step.dataset, step.step) for step in upgrade(older)] == [(LAKE, "format 2 -> 3")]
    assert lake_format.number(make_lake(tmp_path)) == CURRENT
    land(make_lake(tmp_path), RAW, [raw_play(D1)], close=False)
