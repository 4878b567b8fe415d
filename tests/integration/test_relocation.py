"""Relocation: a copied lake becomes a lake of its own, with rows, snapshots, branches and tags of the original."""

import shutil
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, ids, land, land_days, raw_play

from matinee.errors import ForeignTableError
from matinee.maintenance.relocation import RELOCATING, relocate
from matinee.publication.request import RunRequest
from matinee.publication.steps import audit, publish, run, write
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import data_files
from matinee.table.lake_format import CURRENT, LAKE, number
from matinee.validity.validity import Validity

pytestmark = [pytest.mark.spark, pytest.mark.embedded]
PLAYS = "core.plays"


@pytest.mark.slow
def test_a_copied_lake_is_a_lake_of_its_own_once_it_is_relocated(settings: Settings, tmp_path: Path) -> None:
    original = Lake.open(settings)
    land_days(original, D1, D2)
    run(settings, RunRequest(PLAYS, D1, D1))
    identity = write(settings, RunRequest(PLAYS, D2, D2)).publication_id or ""
    audit(settings, PLAYS, identity)
    shutil.copytree(settings.home, tmp_path / "copy", symlinks=True)
    shutil.rmtree(tmp_path / "copy" / "warehouse" / "core" / "plays" / "data")  # What is not there yet is copied.
    moved = settings.model_copy(update={"home": tmp_path / "copy"})
    with pytest.raises(ForeignTableError):
        publish(moved, PLAYS, identity)

    done = {relocated.dataset: relocated for relocated in relocate(moved)}

    before = {name: original.table(name).metadata for name in done}
    assert done[PLAYS].copied == done[PLAYS].files == 2
    assert done["raw.plays"].copied == 0
    assert list(relocate(moved)) == []
    shutil.rmtree(settings.home)
    copy = Lake.open(moved)
    for name, metadata in before.items():
        table = copy.table(name)
        assert table.metadata.refs == metadata.refs, name
        assert [snapshot.snapshot_id for snapshot in table.metadata.snapshots] == [
            snapshot.snapshot_id for snapshot in metadata.snapshots
        ]
    assert all(str(tmp_path / "copy") in file.file_path for file in data_files(copy.table(PLAYS), "event_day"))
    publish(moved, PLAYS, identity)
    land(copy, "raw.plays", [raw_play(D1, "later")], seq=7, close=False)
    run(moved, RunRequest(PLAYS, D1, D1))
    assert ids(copy, PLAYS, "play_id") == ["later", "o1", "o2", "p1", "p2"]
    assert Validity(copy).status(PLAYS, D1).valid
    assert refs.reference(copy.table(PLAYS), f"audit_{identity}") is None


def test_a_relocation_killed_before_its_last_table_is_finished(settings: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    lake.catalog.rename_table(LAKE, f"{LAKE}{RELOCATING}")
    assert list(relocate(settings)) == []
    assert number(Lake.open(settings)) == CURRENT
