"""The format of a lake: a new one gets the current number, an older one is only read, a newer one is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.lakes import D1, PLANNED, close_days, ids, land, make_lake, raw_play

from matinee.errors import CatalogLostError, LakeFormatError
from matinee.ledger.pins import hold
from matinee.maintenance import upkeep
from matinee.table import lake_format, refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing
from matinee.table.lake_format import CURRENT, LAKE
from matinee.table.leases.lease import hold as hold_lease

RAW = "raw.plays"


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, ...]]:
    """No lake was seen by this process."""
    lakes = set[tuple[str, ...]]()
    monkeypatch.setattr(lake_format, "_seen", lakes)
    return lakes


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    land(lake, RAW, [raw_play(D1)])
    return lake


@pytest.fixture
def older(lake: Lake) -> Lake:
    """A lake without `ops.lake`, as older versions made lakes."""
    forget(lake)
    return make_lake(lake.settings.home)


def forget(lake: Lake) -> None:
    lake.catalog.drop_table(LAKE)
    shutil.rmtree(lake.settings.home / "warehouse" / "ops" / "lake")


def set_number(lake: Lake, value: int) -> None:
    with lake.table(LAKE).transaction() as change:
        change.set_properties({lake_format.PROPERTY: str(value)})


def test_the_first_table_of_a_lake_comes_after_its_number(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    assert lake_format.number(lake) is None
    lake.ensure(RAW)
    assert lake_format.number(lake) == CURRENT
    assert [row["format"] for row in lake.table(LAKE).scan().to_arrow().to_pylist()] == [CURRENT]


def test_later_tables_append_no_number(lake: Lake) -> None:
    lake.ensure("core.plays")
    assert lake.table(LAKE).scan().to_arrow().num_rows == 1


def test_a_lake_of_the_current_format_is_looked_at_once_a_process(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    make_lake(lake.settings.home)
    monkeypatch.setattr(lake_format, "number", lambda _: pytest.fail("looked again"))
    make_lake(lake.settings.home)


def test_a_lake_without_a_number_is_read(older: Lake) -> None:
    assert lake_format.number(older) == lake_format.FIRST
    assert ids(older, RAW, "play_id") == ["p1"]


def lease(lake: Lake) -> None:
    with hold_lease(lake, "ops.heals", "work", "one"):
        pass


CHANGES: dict[str, Callable[[Lake], object]] = {
    "land": lambda lake: land(lake, RAW, [raw_play(D1, "p2")]),
    "make": lambda lake: lake.ensure("core.plays"),
    "declare": lambda lake: close_days(lake, RAW, {D1: 2}),
    "tag": lambda lake: refs.create_tag(lake.table(RAW), "x", refs.head(lake.table(RAW))),
    "commit": lambda lake: commit_nothing(lake, RAW, "main", {}),
    "pin": lambda lake: hold(lake, "r1", {RAW: refs.head(lake.table(RAW))}),
    "lease": lease,
    "orphans": lambda lake: upkeep.remove_orphans(lake.settings, RAW, PLANNED),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_lake_without_a_number_is_not_changed(older: Lake, change: Callable[[Lake], object]) -> None:
    before = older.table(RAW).metadata_location
    with pytest.raises(LakeFormatError, match="matinee lake upgrade"):
        change(older)
    assert older.table(RAW).metadata_location == before
    assert not older.exists(LAKE)


def test_a_lake_of_a_newer_format_is_refused_with_the_version_to_install(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_format, "__version__", "7.5.0")
    lake_format.record(lake, CURRENT + 1)
    with pytest.raises(LakeFormatError, match=r"Install at least version 7\.5\.0"):
        make_lake(lake.settings.home)


def test_a_catalog_that_was_lost_is_not_taken_for_a_new_lake(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "catalog.db").unlink()
    with pytest.raises(CatalogLostError, match="matinee lake restore"):
        make_lake(tmp_path)


def test_a_process_that_has_seen_the_lake_takes_it_for_no_empty_lake(lake: Lake, tmp_path: Path) -> None:
    make_lake(tmp_path)
    (tmp_path / "catalog.db").unlink()
    with pytest.raises(CatalogLostError, match="matinee lake restore"):
        make_lake(tmp_path)


def test_a_lake_that_was_opened_before_makes_no_table_in_a_lost_catalog(lake: Lake, tmp_path: Path) -> None:
    blind = make_lake(tmp_path)
    (tmp_path / "catalog.db").unlink()
    Lake.open_any(lake.settings)  # Another process makes an empty catalog.
    with pytest.raises(CatalogLostError):
        blind.ensure(RAW)
    assert not blind.exists(RAW)


def test_a_number_that_was_not_recorded_yet_makes_no_lake_lost(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    lake._create(lake.registry.get(LAKE))
    (tmp_path / "catalog.db").unlink()
    make_lake(tmp_path).ensure(RAW)
    assert lake_format.number(make_lake(tmp_path)) == CURRENT
