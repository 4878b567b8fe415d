"""Tables are told by the summaries of their newest snapshots."""

from pathlib import Path

import pytest
from tests.support.lakes import make_lake
from tests.support.metrics import publish, told

from matinee.metrics.tables import tables
from matinee.table.catalog import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def test_tables_are_told_with_their_sizes(lake: Lake) -> None:
    publish(lake)
    seen = told(tables(lake.settings))
    assert (seen["table_rows", "raw.plays"], seen["table_files", "raw.plays"]) == (3, 2)
    assert seen["table_bytes", "raw.plays"] > 100
    assert seen["landing_prepared_batches", "raw.plays"] == 0
