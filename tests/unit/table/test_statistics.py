"""Proof by column statistics: a check is proven only where no row of the files can break it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyiceberg.io.pyarrow import parquet_files_to_data_files
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from tests.support.lakes import D1, arrow, core_play

from matinee.settings import load_settings
from matinee.table.catalog import Lake
from matinee.table.statistics import proven_checks

Written = Callable[..., tuple[Lake, Table, list[DataFile]]]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Return a function that writes one file for each list of rows; it returns the lake, core.plays and the files."""

    def write(
        *parts: list[dict[str, object]], properties: dict[str, str] | None = None
    ) -> tuple[Lake, Table, list[DataFile]]:
        import pyarrow.parquet as pq

        lake = Lake.open(load_settings(home=tmp_path))
        table = lake.ensure("core.plays")
        with table.transaction() as transaction:
            transaction.set_properties(properties or {})
        paths = []
        for number, rows in enumerate(parts):
            path = tmp_path / f"{number}.parquet"
            pq.write_table(arrow(table, rows), path)
            paths.append(str(path))
        return lake, table, list(parquet_files_to_data_files(table.io, table.metadata, iter(paths)))

    return write


def proven(lake: Lake, table: Table, files: list[DataFile]) -> frozenset[str]:
    return proven_checks(lake.registry.get("core.plays"), table, files)


def test_columns_without_nulls_and_within_their_range_are_proven(written: Written) -> None:
    assert {"null_play_id", "null_start_ts", "range_duration_ms", "range_profile_bucket"} <= proven(
        *written([core_play(D1), core_play(D1, "p2")])
    )


def test_one_file_with_a_value_out_of_range_leaves_the_check_to_the_scan(written: Written) -> None:
    checks = proven(*written([core_play(D1)], [core_play(D1, "p2", duration_ms=-1)]))
    assert "range_duration_ms" not in checks
    assert "null_play_id" in checks


@pytest.mark.parametrize(("bucket", "is_proven"), [(-1, False), (0, True), (7, True), (8, False)])
def test_a_range_holds_up_to_its_ends(written: Written, bucket: int, is_proven: bool) -> None:
    checks = proven(*written([core_play(D1)], [core_play(D1, "p2", profile_bucket=bucket)]))
    assert ("range_profile_bucket" in checks) is is_proven


def test_a_column_of_nulls_only_is_within_its_range(written: Written) -> None:
    assert "range_duration_ms" in proven(*written([core_play(D1, duration_ms=None)]))


def test_a_file_without_statistics_proves_nothing(written: Written) -> None:
    assert proven(*written([core_play(D1)], properties={"write.metadata.metrics.default": "none"})) == frozenset()


def test_what_repeats_or_is_enumerated_is_never_proven(written: Written) -> None:
    checks = proven(*written([core_play(D1)]))
    assert not {name for name in checks if not name.startswith(("null_", "range_"))}
