"""Sail and Spark behind one seam: the same rows to the bit, in files that every reader of the table understands."""

import logging
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyiceberg.table import Table
from pyiceberg.types import LongType, StringType
from tests.support.frames import frame
from tests.support.lakes import D1, D2, D3, ODD_NAME, arrow, at, core_play, ids, land_days

from matinee.domain import attribution
from matinee.engine.session import sail_session, spark_session
from matinee.engine.tables import sail_tables, staging
from matinee.engine.tables.protocol import open_tables
from matinee.engine.tables.sail_tables import FileTables
from matinee.engine.tables.spark_procedures import row_hash
from matinee.engine.tables.spark_tables import read
from matinee.errors import CommitConflictError, ConservationError, EnvironmentNotReadyError
from matinee.landing.ingest import close_through, ingest
from matinee.maintenance.upkeep import ORPHAN_AGE, remove_orphans
from matinee.publication.request import RunRequest
from matinee.publication.steps import run, write
from matinee.settings import Settings
from matinee.sources.simulator import SimulatorOptions, simulate
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import Cell, Slice, data_files

pytestmark = [pytest.mark.spark, pytest.mark.embedded]
CHAIN = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")


@pytest.fixture
def on_sail(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "sail"})


def whole(lake: Lake, dataset: str, ref: str = "main") -> Slice:
    return Slice(dataset, refs.head(lake.table(dataset), ref), D1, D3)


def hashes(settings: Settings) -> dict[str, tuple[int, str]]:
    lake = Lake.open(settings)
    with spark_session(settings) as spark:
        slices = {dataset: whole(lake, dataset) for dataset in CHAIN}
        columns = {dataset: lake.registry.get(dataset).day_column or "" for dataset in CHAIN}
        return {
            name: row_hash(read(spark, settings, name, at.snapshot_id, columns[name], D1, D3))
            for name, at in slices.items()
        }


def lake_files(settings: Settings, dataset: str) -> list[str]:
    table = Lake.open(settings).table(dataset)
    return [file.file_path for file in data_files(table, "event_day")]


def writers(lake: Lake, dataset: str) -> set[str]:
    import pyarrow.parquet as pq

    paths = [file.file_path for file in data_files(lake.table(dataset), lake.registry.get(dataset).day_column or "")]
    return {
        pq.ParquetFile(f"/{path.removeprefix('file:').lstrip('/')}").metadata.created_by.split()[0] for path in paths
    }


@pytest.mark.slow
@pytest.mark.parametrize("cell_rows", [pytest.param(None, id="days at once"), pytest.param(1, id="cell by cell")])
def test_both_engines_derive_the_same_tables_to_the_bit(
    settings: Settings, on_sail: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell_rows: int | None
) -> None:
    monkeypatch.setattr(FileTables, "cell_rows", cell_rows)
    simulate(SimulatorOptions(days=3, profiles=150, duplicate_share=0.2, altered_share=0.5), tmp_path / "landing")
    ingest(settings, None, [tmp_path / "landing"])
    # More repeats than a new lake expects.
    close_through(settings, None, D3)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D3))
    by_spark = hashes(settings)
    # No title was played often: Sail uses no time line.
    monkeypatch.setattr(attribution, "_by_line", None)
    for dataset in CHAIN:
        run(on_sail, RunRequest(dataset, D1, D3))
    assert hashes(settings) == by_spark
    assert by_spark["core.impressions"][0] > 15_000
    last = lake_files(settings, "core.impression_plays")
    assert any("/part-1/" in path for path in last) is (cell_rows is not None)
    assert {name for dataset in CHAIN for name in writers(Lake.open(settings), dataset)} == {"datafusion"}


def test_rows_that_sail_staged_read_right_after_column_changes(settings: Settings, on_sail: Settings) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    run(on_sail, RunRequest("core.impressions", D1, D1))
    with lake.table("core.impressions").update_schema() as update:
        update.rename_column("page_id", "page")
        update.rename_column("position", "place")
        update.update_column("row", LongType())
        update.add_column("note", StringType())
    table = lake.table("core.impressions")
    newer = {"event_id": "e2", "profile_id": "a", "title_id": "t", "row": 2**40, "place": 1, "note": "live"}
    newer |= {"event_ts": at(D2), "received_ts": at(D2), "event_day": D2, "profile_bucket": 0}
    table.append(arrow(table, [newer]))
    expected = [("e1", 1, 1, None, None), ("e2", 2**40, 1, None, "live")]
    columns = ("event_id", "row", "place", "page", "note")
    records = table.scan().to_arrow().sort_by("event_id").to_pylist()
    assert [tuple(row[name] for name in columns) for row in records] == expected
    with spark_session(settings) as spark:
        assert sorted(map(tuple, spark.table("lake.core.impressions").select(*columns).collect())) == expected
    wanted = whole(lake, "core.impressions")
    with open_tables(Lake.open(on_sail), [wanted]) as (_, tables):
        rows = tables.read(wanted)
        assert sorted(map(tuple, rows.select(*columns).collect())) == expected
        assert dict(rows.dtypes)["row"] == "bigint"


def test_staged_files_carry_partition_bounds_and_null_counts(on_sail: Settings) -> None:
    lake = Lake.open(on_sail)
    land_days(lake, D1, D2)
    run(on_sail, RunRequest("core.plays", D1, D2))
    table = lake.table("core.plays")
    files = list(data_files(table, "event_day", first=D2, last=D2))
    assert files
    key = table.schema().find_field("play_id").field_id
    device = table.schema().find_field("device").field_id
    for file in files:
        assert file.partition[0] == (D2 - date(1970, 1, 1)).days
        assert table.scan(row_filter=f"profile_bucket = {file.partition[1]}").to_arrow().num_rows > 0
        assert file.lower_bounds[key] <= file.upper_bounds[key]
        assert file.null_value_counts[device] == file.record_count
    assert ids(lake, "core.plays", "play_id") == ["o1", "o2", "p1", "p2"]


def test_files_with_deleted_rows_are_left_to_spark_with_a_log_line(
    settings: Settings, on_sail: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    lake = Lake.open(settings)
    land_days(lake, D1)
    run(settings, RunRequest("core.plays", D1, D1))
    with spark_session(settings) as spark:
        spark.sql("ALTER TABLE lake.core.plays SET TBLPROPERTIES ('write.delete.mode'='merge-on-read')")
        spark.sql("DELETE FROM lake.core.plays WHERE play_id = 'o1'")
    wanted = whole(lake, "core.plays")
    with (
        caplog.at_level(logging.WARNING, logger="matinee.engine.tables.protocol"),
        open_tables(Lake.open(on_sail), [wanted]) as (_, tables),
    ):
        assert [row["play_id"] for row in tables.read(wanted).collect()] == ["p1"]
    assert "Spark does this step, not Sail: core.plays:" in caplog.text
    assert "deleted by another file" in caplog.text


def test_staged_files_of_a_crash_are_no_rows_and_are_removed_as_orphans(
    on_sail: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(on_sail)
    land_days(lake, D1)
    run(on_sail, RunRequest("core.plays", D1, D1))
    committed = {file.file_path for file in data_files(lake.table("core.plays"), "event_day")}

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(staging, "replace_files", crash)
    with pytest.raises(KeyboardInterrupt):
        write(on_sail, RunRequest("core.plays", D1, D1))
    folder = Path(lake.table("core.plays").location().removeprefix("file://")) / "data"
    assert {f"file://{path}" for path in folder.rglob("*.parquet")} > committed
    now = datetime.now(UTC)
    for path in folder.rglob("*.parquet"):
        os.utime(path, ((now - 2 * ORPHAN_AGE).timestamp(),) * 2)
    remove_orphans(on_sail, "core.plays", now)
    assert {f"file://{path}" for path in folder.rglob("*.parquet")} == committed


def plays_on_branch(lake: Lake, settings: Settings, rows: list[dict[str, object]], cell: Cell | None = None) -> None:
    """Overwrite D1 of core.plays on a new branch with literal rows, by Sail."""
    table = lake.ensure("core.plays")
    refs.create_branch(table, "audit_x", refs.head(table))
    with sail_session(settings) as sail:
        frames = [(cell, frame(sail, "core.plays", rows))]
        replaced = Slice("core.plays", refs.head(table), D1, D1)
        FileTables(sail, lake, {}).overwrite(frames, "audit_x", replaced, {})


def test_a_null_in_a_required_column_is_refused_before_the_commit(on_sail: Settings) -> None:
    lake = Lake.open(on_sail)
    with pytest.raises(ConservationError, match=r"title_id of core\.plays may not be null"):
        plays_on_branch(lake, on_sail, [core_play(D1), core_play(D1, "p2", title_id=None)])
    table = lake.table("core.plays")
    assert refs.head(table, "audit_x") == refs.head(table)


def test_rows_of_a_day_that_is_not_replaced_are_refused(on_sail: Settings) -> None:
    lake = Lake.open(on_sail)
    with pytest.raises(ConservationError, match=r"Rows of 2026-03-02 were derived for 2026-03-01"):
        plays_on_branch(lake, on_sail, [core_play(D1), core_play(D2, "p2")])


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ([core_play(D1, profile_bucket=5)], "bucket 5, were derived for 2026-03-01, bucket 3"),
        ([core_play(D1, profile_bucket=3), core_play(D1, "p2", profile_bucket=5)], "cannot be committed"),
    ],
    ids=["all of them", "some of them"],
)
def test_rows_of_another_cell_than_was_derived_are_refused(
    on_sail: Settings, others: list[dict[str, object]], message: str
) -> None:
    lake = Lake.open(on_sail)
    with pytest.raises(ConservationError, match=message):
        plays_on_branch(lake, on_sail, others, Cell(D1, 3))
    assert ids(lake, "core.plays", "play_id", "audit_x") == []


@pytest.mark.slow
def test_cells_without_rows_are_derived_as_well(
    settings: Settings, on_sail: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileTables, "cell_rows", 0)
    land_days(Lake.open(settings), D1, D2)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, D2))
    by_spark = hashes(settings)
    for dataset in CHAIN:
        run(on_sail, RunRequest(dataset, D1, D2))
    assert hashes(settings) == by_spark


def test_no_rows_empty_the_day_in_one_commit(on_sail: Settings) -> None:
    lake = Lake.open(on_sail)
    plays_on_branch(lake, on_sail, [])
    table = lake.table("core.plays")
    assert table.snapshot_by_id(refs.head(table, "audit_x")).parent_snapshot_id == refs.head(table)
    assert ids(lake, "core.plays", "play_id", "audit_x") == []


def test_a_branch_that_moved_while_files_were_staged_is_not_overwritten(
    on_sail: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(on_sail)
    stage = staging.new_stage

    def meanwhile(table: Table) -> str:
        theirs = lake.table("core.plays")
        with theirs.transaction() as transaction, transaction.update_snapshot(branch="audit_x").fast_append():
            pass
        return stage(table)

    monkeypatch.setattr(sail_tables, "new_stage", meanwhile)
    with pytest.raises(CommitConflictError, match="the branch moved while files were staged"):
        plays_on_branch(lake, on_sail, [core_play(D1)])
    assert ids(lake, "core.plays", "play_id", "audit_x") == []


def test_a_data_file_that_is_gone_is_an_error_not_fewer_rows(on_sail: Settings) -> None:
    lake = Lake.open(on_sail)
    land_days(lake, D1)
    run(on_sail, RunRequest("core.plays", D1, D1))
    gone = next(data_files(lake.table("core.plays"), "event_day")).file_path
    Path(gone.removeprefix("file://")).unlink()
    wanted = whole(lake, "core.plays")
    with open_tables(Lake.open(on_sail), [wanted]) as (_, tables), pytest.raises(ConservationError, match="is gone"):
        tables.read(wanted)


def test_staged_rows_that_are_gone_do_not_empty_the_day(on_sail: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.open(on_sail)
    monkeypatch.setattr(sail_tables, "staged_files", lambda *_: [])
    with pytest.raises(ConservationError, match="are not found below"):
        plays_on_branch(lake, on_sail, [core_play(D1)])


@pytest.mark.parametrize("engine", ["sail", "spark"])
def test_each_engine_works_in_a_folder_of_any_name(engine: str, on_sail: Settings, tmp_path: Path) -> None:
    odd = on_sail.model_copy(update={"home": tmp_path / ODD_NAME, "engine": engine})
    land_days(Lake.open(odd), D1)
    run(odd, RunRequest("core.plays", D1, D1))
    assert ids(Lake.open(odd), "core.plays", "play_id") == ["o1", "p1"]
    assert writers(Lake.open(odd), "core.plays") == {"datafusion" if engine == "sail" else "parquet-mr"}


def test_a_missing_sail_is_one_clear_error(on_sail: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysail.spark", None)
    with pytest.raises(EnvironmentNotReadyError, match=r"matinee\[sail\]"), sail_session(on_sail):
        pass
