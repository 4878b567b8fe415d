"""Relocation of a table's files: what lies at the new place already must be what the original has."""

import json
from pathlib import Path

import pytest
from tests.support.lakes import D1, arrow, core_play, kept

from matinee.errors import ConservationError
from matinee.maintenance.relocation import RELOCATING, _ended_before, _Paths
from matinee.table.catalog import Lake

PLAYS = "core.plays"


def fill(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    for name in ("a", "b"):
        table.append(arrow(table, [core_play(D1, name)]))


kept_lake, lake = kept(fill)


def paths(lake: Lake, target: Path) -> _Paths:
    table = lake.table(PLAYS)
    return _Paths(table.io, table.location(), f"file://{target}")


def bring(lake: Lake, brought: _Paths) -> dict[str, object]:
    metadata = Path(lake.table(PLAYS).metadata_location.removeprefix("file://"))
    new: dict[str, object] = json.loads(Path(brought.bring(json.loads(metadata.read_text()))[7:]).read_text())
    return new


def test_every_file_that_the_metadata_names_is_brought_once(lake: Lake, tmp_path: Path) -> None:
    target = tmp_path / "new"
    metadata = bring(lake, paths(lake, target))
    assert metadata["location"] == f"file://{target}"
    assert str(lake.settings.home) not in json.dumps(metadata)
    again = paths(lake, target)
    bring(lake, again)
    assert (len(again.files), again.copied) == (2, 0)
    assert len(list(target.rglob("*.parquet"))) == 2


def test_a_file_of_another_size_at_the_new_place_is_refused(lake: Lake, tmp_path: Path) -> None:
    target = tmp_path / "new"
    bring(lake, paths(lake, target))
    spoilt = next(target.rglob("*.parquet"))
    spoilt.write_bytes(b"cut off")
    with pytest.raises(ConservationError, match="has 7 bytes, the original"):
        bring(lake, paths(lake, target))


def test_a_relocation_that_was_killed_before_the_last_rename_is_finished(lake: Lake) -> None:
    lake.catalog.rename_table(PLAYS, f"{PLAYS}{RELOCATING}")
    assert _ended_before(lake, PLAYS)
    assert lake.exists(PLAYS)


def test_a_copy_that_a_killed_relocation_left_is_dropped(lake: Lake) -> None:
    waiting = f"{PLAYS}{RELOCATING}"
    lake.catalog.register_table(waiting, lake.table(PLAYS).metadata_location)
    assert not _ended_before(lake, PLAYS)
    assert (lake.exists(PLAYS), lake.catalog.table_exists(waiting)) == (True, False)


def test_a_dataset_without_a_table_has_nothing_to_relocate(lake: Lake) -> None:
    assert _ended_before(lake, "raw.plays")
