"""Sail reads the files of every writer, whatever physical type holds the values of a column."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.lakes import D1, D2, arrow, at, land, raw_play

from matinee.engine.tables.protocol import open_tables
from matinee.engine.tables.sail_tables import FileTables
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import Slice

pytestmark = [pytest.mark.spark, pytest.mark.embedded]


def test_sail_reads_a_day_whose_files_hold_text_in_several_forms(settings: Settings) -> None:
    on_sail = settings.model_copy(update={"engine": "sail"})
    lake = Lake.open(on_sail)
    land(lake, "raw.plays", [raw_play(D1)])
    for number, kind in enumerate((pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())), 2):
        table = lake.table("raw.plays")
        rows = arrow(table, [raw_play(D1, f"p{number}", landing_seq=number, received_ts=at(D2))])
        path = Path(table.location().removeprefix("file://")) / "data" / f"{number}.parquet"
        pq.write_table(rows.set_column(0, rows.schema.field(0).with_type(kind), rows["play_id"].cast(kind)), path)
        table.add_files([f"file://{path}"])
    wanted = Slice("raw.plays", refs.head(lake.table("raw.plays")), D1, D1)
    with open_tables(Lake.open(on_sail), [wanted]) as (_, tables):
        assert isinstance(tables, FileTables)
        assert sorted(row["play_id"] for row in tables.read(wanted).collect()) == ["p1", "p2", "p3", "p4"]
