"""The catalog is lost, and the lake comes back: from its backup, and from what was committed after it."""

import json
import shutil
from pathlib import Path

import pytest
from tests.support.kills import die, points_of
from tests.support.lakes import D2, D3, core_play, ids, land, make_lake, prepare, raw_play
from tests.support.lost_catalogs import (
    PLAYS,
    RAW,
    WORK,
    filled,
    hashes,
    lose,
    numbers,
    pointers,
    publish_day,
    saved,
)

from matinee.cli.main import main
from matinee.contracts.ddl import iceberg_schema
from matinee.errors import CatalogLostError, LeaseHeldError, LeaseLostError, RestoreRefusedError
from matinee.ledger.ledger import recorded
from matinee.ledger.model import State
from matinee.ledger.recovery import recover
from matinee.maintenance import backup as backups
from matinee.maintenance.restoration import restore
from matinee.publication.move import move_to_main
from matinee.settings import Settings
from matinee.table import lake_format, refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing
from matinee.table.leases.lease import Lease, hold
from matinee.table.leases.lease_store import store_of


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An embedded lake with a published day."""
    return filled(make_lake(tmp_path / "home"))


def test_the_lake_comes_back_with_what_was_committed_after_the_backup(any_catalog: Settings) -> None:
    lake = filled(Lake.open(any_catalog))
    backup = saved(lake)
    land(lake, RAW, [raw_play(D2, "p2")], seq=2)
    publish_day(lake, D2, "p2")
    lake.ensure("core.impressions")
    run = prepare(lake, PLAYS, D3, [core_play(D3, "p3")], attempt="open")
    before = hashes(lake), pointers(lake), recorded(lake, PLAYS)
    lose(any_catalog)
    with pytest.raises(CatalogLostError):
        Lake.open(any_catalog)

    restored = restore(Lake.open_any(any_catalog), backup)

    lake = Lake.open(any_catalog)
    assert (hashes(lake), pointers(lake), recorded(lake, PLAYS)) == before
    assert {table.dataset for table in restored if table.commits is None} == {"core.impressions"}
    assert recover(lake, PLAYS) == ()
    move_to_main(lake, run, lambda _: ())
    recover(lake, PLAYS)
    assert ids(lake, PLAYS, "play_id") == ["p1", "p2", "p3"]
    assert [publication.state for publication in recorded(lake, PLAYS).values()] == [State.PUBLISHED] * 3


def test_nothing_that_was_published_is_published_twice(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D2, [core_play(D2, "p2")])
    backup = saved(lake)
    first = move_to_main(lake, run, lambda _: ())
    lose(lake.settings)
    restore(Lake.open_any(lake.settings), backup)
    lake = Lake.open(lake.settings)
    assert move_to_main(lake, run, lambda _: ()).snapshot_id == first.snapshot_id
    assert len(recover(lake, PLAYS)) == 1
    assert ids(lake, PLAYS, "play_id") == ["p1", "p2"]


def test_a_backup_whose_metadata_files_are_gone_is_gone_on_from(lake: Lake) -> None:
    backup = saved(lake)
    for _ in range(3):
        commit_nothing(lake, RAW, refs.MAIN, {})
    [pointer] = [table for table in backup.tables if table.dataset == RAW]
    Path(pointer.metadata_file.removeprefix("file://")).unlink()
    before = pointers(lake)
    lose(lake.settings)
    restored = {table.dataset: table.commits for table in restore(Lake.open_any(lake.settings), backup)}
    assert restored[RAW] == 3
    assert pointers(Lake.open(lake.settings)) == before


def newest_file(lake: Lake, dataset: str) -> Path:
    return Path(lake.table(dataset).metadata_location.removeprefix("file://"))


def test_metadata_that_was_written_in_part_is_passed_over(lake: Lake) -> None:
    backup, before = saved(lake), pointers(lake)
    file = newest_file(lake, RAW)
    version = int(file.name.split("-")[0])
    torn = file.with_name(f"{version + 1:05d}-00000000-0000-0000-0000-000000000000.metadata.json")
    torn.write_text(file.read_text()[:500])
    lose(lake.settings)
    restore(Lake.open_any(lake.settings), backup)
    assert pointers(Lake.open(lake.settings)) == before


def test_of_two_newest_files_a_person_names_the_one_that_won(lake: Lake) -> None:
    backup = saved(lake)
    stale = lake.table(RAW)
    commit_nothing(lake, RAW, refs.MAIN, {"won": "yes"})
    file = newest_file(lake, RAW)
    lost = file.with_name(f"{file.name.split('-')[0]}-00000000-0000-0000-0000-000000000000.metadata.json")
    previous = [{"metadata-file": stale.metadata_location, "timestamp-ms": stale.metadata.last_updated_ms}]
    body = json.loads(stale.metadata.model_dump_json())
    lost.write_text(json.dumps({**body, "metadata-log": [*body["metadata-log"], *previous]}))
    before = pointers(lake)
    lose(lake.settings)
    empty = Lake.open_any(lake.settings)
    with pytest.raises(RestoreRefusedError, match=lost.name):
        restore(empty, backup)
    assert lake_format.known_tables(empty) == []
    restore(empty, backup, [file.name])
    assert pointers(Lake.open(lake.settings)) == before


def test_a_file_that_lost_its_race_before_the_newest_is_passed_over(lake: Lake) -> None:
    backup = saved(lake)
    stale = newest_file(lake, RAW)
    commit_nothing(lake, RAW, refs.MAIN, {})
    loser = newest_file(lake, RAW)
    lost = loser.with_name(f"{loser.name.split('-')[0]}-00000000-0000-0000-0000-000000000000.metadata.json")
    shutil.copy(stale, lost)
    commit_nothing(lake, RAW, refs.MAIN, {})
    before = pointers(lake)
    lose(lake.settings)
    restore(Lake.open_any(lake.settings), backup)
    assert pointers(Lake.open(lake.settings)) == before


def test_no_lease_comes_back_held_and_the_next_number_is_greater(lake: Lake) -> None:
    with hold(lake, "ops.heals", "work", "zombie") as old:
        with pytest.raises(LeaseHeldError), hold(lake, "ops.heals", "work", "other"):
            pass
        backup = saved(lake)
    newer = Lease(lake, "ops.heals", "work", "zombie", old.number + 1)
    lose(lake.settings)
    restore(Lake.open_any(lake.settings), backup)
    lake = Lake.open(lake.settings)
    for lost in (old, newer):
        with pytest.raises(LeaseLostError):
            Lease(lake, lost.dataset, lost.name, lost.holder, lost.number).renew()
    with hold(lake, "ops.heals", "work", "next") as lease:
        assert lease.number > newer.number
        commit_nothing(lake, RAW, refs.MAIN, lease.to_summary())
        with pytest.raises(LeaseLostError):
            newer.refuse_overtaken(lake.table(RAW))


def test_a_lease_of_the_lost_catalog_has_a_greater_number_afterwards(lake: Lake) -> None:
    backup = saved(lake)
    lose(lake.settings)
    empty = Lake.open_any(lake.settings)
    with hold(empty, "ops.heals", "work", "blind") as blind:
        restore(empty, backup)
        assert numbers(empty)[WORK] > backup.leases[WORK]
        with pytest.raises(LeaseLostError):
            blind.renew()


@pytest.mark.parametrize("point", points_of("restore"))
def test_a_restoration_that_was_killed_is_finished_by_the_next(lake: Lake, tmp_path: Path, point: str) -> None:
    saved(lake)
    before = hashes(lake), pointers(lake)
    lose(lake.settings)
    command = ("-m", "matinee.cli.main", "lake", "restore", str(tmp_path / "backup"))
    die(lake.settings, point, tmp_path / "marker", *command)
    with pytest.raises(CatalogLostError):
        Lake.open(lake.settings)
    given = numbers(Lake.open_any(lake.settings))
    restore(Lake.open_any(lake.settings), backups.read(tmp_path / "backup"))
    lake = Lake.open(lake.settings)
    assert (hashes(lake), pointers(lake)) == before
    assert numbers(lake) == given


@pytest.mark.parametrize("point", points_of("backup"))
def test_a_backup_that_was_killed_leaves_the_one_before(lake: Lake, tmp_path: Path, point: str) -> None:
    before = saved(lake)
    commit_nothing(lake, RAW, refs.MAIN, {})
    die(lake.settings, point, tmp_path / "marker", "-m", "matinee.cli.main", "lake", "backup", str(tmp_path / "backup"))
    assert backups.read(tmp_path / "backup") == before


def test_a_restored_lake_can_be_restored_again_and_nothing_changes(lake: Lake) -> None:
    backup = saved(lake)
    lose(lake.settings)
    restore(Lake.open_any(lake.settings), backup)
    lake = Lake.open(lake.settings)
    before = store_of(lake).entries()
    assert {table.registered for table in restore(lake, backup)} == {False}
    assert store_of(lake).entries() == before


def test_a_catalog_that_has_another_table_is_left_alone(lake: Lake) -> None:
    backup = saved(lake)
    lose(lake.settings)
    empty = Lake.open_any(lake.settings)
    empty.ensure_namespace("raw")
    empty.catalog.create_table(RAW, iceberg_schema(empty.registry.get(RAW)), location=empty.location(RAW))
    with pytest.raises(RestoreRefusedError, match=RAW):
        restore(empty, backup)
    assert lake_format.known_tables(empty) == [RAW]


def test_a_backup_of_another_warehouse_names_relocation(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(RestoreRefusedError, match="matinee lake relocate"):
        restore(make_lake(tmp_path / "other"), saved(lake))


def test_rows_of_a_warehouse_that_is_gone_are_not_restored_in_part(lake: Lake) -> None:
    backup = saved(lake)
    shutil.rmtree(newest_file(lake, PLAYS).parent)
    lose(lake.settings)
    empty = Lake.open_any(lake.settings)
    with pytest.raises(RestoreRefusedError, match=PLAYS):
        restore(empty, backup)
    assert lake_format.known_tables(empty) == []


def test_a_backup_is_whole_and_only_its_owner_reads_it(lake: Lake, tmp_path: Path) -> None:
    saved(lake)
    file = tmp_path / "backup" / backups.FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == [backups.FILE]
    file.write_text(file.read_text().replace("core.plays", "core.prays"))
    with pytest.raises(RestoreRefusedError, match="checksum"):
        backups.read(file.parent)


def test_the_commands_say_what_they_did(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))
    main(["lake", "backup", str(tmp_path / "backup"), "--output", "json"])
    shown = json.loads(capsys.readouterr().out)
    assert (shown["tables"], shown["leases"]) == (len(lake_format.known_tables(lake)), 1)
    lose(lake.settings)
    main(["lake", "restore", str(tmp_path / "backup"), "--output", "json"])
    rows = json.loads(capsys.readouterr().out)
    assert {row["commits"] for row in rows} == {0}
    assert all(row["registered"] for row in rows)
