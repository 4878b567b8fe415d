"""Files of a table by metadata alone: what their statistics and partitions say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyiceberg.conversions import to_bytes
from pyiceberg.types import TimestamptzType
from tests.support.lakes import make_lake

from matinee.days import instant_of
from matinee.table.files import file_day, upper_instant

YEAR_10000 = 253_402_300_800_000_000


@pytest.mark.parametrize(("micros", "year"), [(0, 1970), (YEAR_10000, 9999), (-YEAR_10000, 1)])
def test_an_instant_beyond_the_calendar_is_its_first_or_last_one(tmp_path: Path, micros: int, year: int) -> None:
    table = make_lake(tmp_path).ensure("raw.plays")
    number = table.schema().find_field("received_ts").field_id
    file = SimpleNamespace(upper_bounds={number: to_bytes(TimestamptzType(), micros)})
    instant = upper_instant(table, cast(Any, file), "received_ts")
    assert instant == instant_of(micros)
    assert instant is not None
    assert instant.year == year


def test_a_day_beyond_the_calendar_is_its_last_one(tmp_path: Path) -> None:
    table = make_lake(tmp_path).ensure("raw.plays")
    file = SimpleNamespace(spec_id=0, partition=[0, YEAR_10000 // 86_400_000_000])
    assert file_day(table, cast(Any, file), "event_day").isoformat() == "9999-12-31"
