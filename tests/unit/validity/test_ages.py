"""How old a dataset is, and may be."""

from datetime import timedelta
from pathlib import Path

from tests.support.lakes import D1, D2, land, make_lake, raw_play

from matinee.days import end_of, start_of
from matinee.table.catalog import Lake
from matinee.validity.ages import Age, is_daily
from matinee.validity.validity import Validity


def age_of(lake: Lake, dataset: str) -> Age:
    return Age.of(Validity(lake), lake.registry.get(dataset))


def test_a_dataset_is_as_old_as_its_vtts(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1)])
    assert age_of(lake, "raw.plays").at(end_of(D2)) == timedelta(days=1)


def test_a_dataset_without_a_valid_day_is_as_old_as_what_it_owes(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1)])
    assert age_of(lake, "core.plays").at(end_of(D2)) == end_of(D2) - start_of(D1)


def test_a_dataset_is_late_past_what_its_contract_allows(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1)])
    age = age_of(lake, "core.plays")
    assert age.allowed is not None
    until = start_of(D1) + age.allowed
    assert [age.is_late(until), age.is_late(until + timedelta(seconds=1))] == [False, True]


def test_a_lake_without_a_closed_day_has_no_late_dataset(tmp_path: Path) -> None:
    age = age_of(make_lake(tmp_path), "core.plays")
    assert (age.at(end_of(D1)), age.is_late(end_of(D1))) == (None, False)


def test_registers_have_no_days(tmp_path: Path) -> None:
    daily = [contract.dataset for contract in filter(is_daily, make_lake(tmp_path).registry.all())]
    assert [name for name in daily if name.startswith("ops.") or name.endswith("_live")] == []
