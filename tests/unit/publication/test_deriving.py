"""A dataset is derived cell by cell only where its rows are known to stay within their cell."""

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

import pytest

from matinee.contracts.model import Cells, Contract, PartitionField
from matinee.contracts.registry import Registry
from matinee.ledger.model import InputPin, Run
from matinee.publication.deriving import own_cells
from matinee.publication.inputs import few_buckets, reads_own_buckets
from matinee.settings import CHECKOUT
from matinee.table.files import Cell

D1, D2 = date(2026, 3, 1), date(2026, 3, 2)
SHIPPED = Registry.load(CHECKOUT / "sql")
LABELS = SHIPPED.get("core.impression_plays")
BY_DAY = PartitionField("event_day", "identity")


def cells(contract: Contract, *others: Contract) -> list[Cell]:
    changed = {declared.dataset: declared for declared in (*others, contract)}
    return own_cells(Registry({**SHIPPED.contracts, **changed}), contract, D1, D2)


def test_the_cells_of_a_range_are_each_bucket_of_each_day() -> None:
    assert cells(LABELS) == [Cell(day, bucket) for day in (D1, D2) for bucket in range(8)]


def test_what_reads_landed_rows_is_derived_at_once() -> None:
    assert cells(SHIPPED.get("core.plays")) == []


def test_sql_may_rank_across_profiles_so_it_is_derived_at_once() -> None:
    assert cells(replace(LABELS, transform="transform.sql")) == []


@pytest.mark.parametrize(
    "changes",
    [{"cells": Cells("profile_bucket", "profile_id", 16)}, {"cells": Cells()}, {"partitions": (BY_DAY,)}],
    ids=["of another number", "none", "not partitioned by them"],
)
def test_an_input_with_other_buckets_is_read_at_once(changes: dict[str, object]) -> None:
    assert cells(LABELS, replace(SHIPPED.get("core.impressions"), **changes)) == []


def test_an_output_with_more_partitions_than_cells_is_written_at_once() -> None:
    assert cells(replace(LABELS, partitions=(*LABELS.partitions, PartitionField("country", "identity")))) == []


def test_landed_rows_of_most_buckets_are_not_looked_for() -> None:
    heal = partial(Run, "id", "core.plays", "k", D1, D1, 1, (), "1.0.0", "test", datetime(2026, 3, 5, tzinfo=UTC))
    plays = SHIPPED.get("core.plays")
    are_few = {count: few_buckets(plays, heal(buckets=tuple(range(count)))) for count in (0, 1, 3, 4, 8)}
    assert are_few == {0: True, 1: True, 3: True, 4: False, 8: False}
    assert not few_buckets(plays, heal())
    assert not few_buckets(LABELS, heal(buckets=(1,)))


def test_inputs_of_which_days_are_in_other_buckets_are_read_at_once() -> None:
    pins = [InputPin(spec.dataset, 1, 1, None, {D1: 1}, buckets=8) for spec in LABELS.inputs]
    assert reads_own_buckets(SHIPPED, LABELS, pins)
    assert not reads_own_buckets(SHIPPED, LABELS, [pins[0], replace(pins[1], buckets=16)])
    assert not reads_own_buckets(SHIPPED, LABELS, [pins[0], replace(pins[1], buckets=None)])
    assert reads_own_buckets(SHIPPED, SHIPPED.get("core.plays"), [InputPin("raw.plays", 1, 1, 1, {D1: 1})])
