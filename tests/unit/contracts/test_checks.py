"""The text of the compiled checks; their results are tested on Spark."""

from dataclasses import replace

import pytest

from matinee.contracts.checks import compile_checks
from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.contracts.service_levels import VolumeBand
from matinee.settings import CHECKOUT


@pytest.fixture(scope="module")
def impressions() -> Contract:
    return Registry.load(CHECKOUT / "sql").get("core.impressions")


def test_every_column_of_the_result_is_one_check(impressions: Contract) -> None:
    compiled = compile_checks(impressions)

    names = [check.name for check in compiled.checks]
    assert len(set(names)) == len(names)
    assert all((compiled.sql + compiled.whole).count(f" AS `{name}`") == 1 for name in names)


def test_only_the_volume_is_a_warning(impressions: Contract) -> None:
    checks = compile_checks(impressions).checks

    assert [check.name for check in checks if check.severity == "warning"] == ["volume"]


def test_optional_columns_have_no_null_check(impressions: Contract) -> None:
    names = {check.name for check in compile_checks(impressions).checks}

    assert "null_title_id" in names
    assert "null_device" not in names


def test_a_contract_without_a_band_has_no_volume_check(impressions: Contract) -> None:
    checks = compile_checks(replace(impressions, volume=VolumeBand())).checks

    assert "volume" not in {check.kind for check in checks}


def test_what_is_proven_is_not_asked(impressions: Contract) -> None:
    compiled = compile_checks(impressions, proven={"null_title_id"})

    assert [check.name for check in compiled.proven] == ["null_title_id"]
    assert "null_title_id" not in {check.name for check in compiled.checks}
    assert "`null_title_id`" not in compiled.sql


def test_the_stamp_leaves_doubles_out_and_counts_which_values_are_null(impressions: Contract) -> None:
    columns = [replace(column, type="double") if column.name == "row" else column for column in impressions.columns]
    stamp = compile_checks(replace(impressions, columns=tuple(columns))).sql.partition(" AS cell_stamp")[0]

    assert "`row`" not in stamp
    assert "`device` IS NULL" in stamp
    assert "`title_id` IS NULL" not in stamp


def test_a_key_is_compared_by_its_hash_and_counted_by_itself(impressions: Contract) -> None:
    (unique,) = (check for check in compile_checks(impressions).checks if check.kind == "unique")

    assert "GROUP BY xxhash64(`event_day`, `event_id`)" in compile_checks(impressions).whole
    assert unique.exact is not None
    assert "GROUP BY `event_day`, `event_id`" in unique.exact
