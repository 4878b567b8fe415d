"""Disks that refuse what is written: the error names the path and what to do."""

import errno
import gc
import os
import socket
import sqlite3
import ssl
import uuid
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from tests.support.disks import no_file_larger_than
from tests.support.lakes import D1, close_days, make_lake

from matinee.disks import refused_by_disk
from matinee.errors import CatalogUnavailableError, EnvironmentNotReadyError
from matinee.landing.ingest import ingest
from matinee.table.catalog import catalog_errors

PLAY = '{"play_id":"%s","profile_id":"%s","title_id":"t","start_ts":"2026-03-01T12:00:00Z"}\n'


@pytest.mark.parametrize(
    ("number", "next_step"),
    [
        (errno.ENOSPC, "Free space there"),
        (errno.EDQUOT, "raise the quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "Mount the disk for writing"),
        (errno.EACCES, "Give the user that runs Matinee the right"),
        (errno.EPERM, "Give the user that runs Matinee the right"),
    ],
)
@pytest.mark.parametrize("file", ["/lake/one.parquet", None])
def test_a_disk_that_refuses_is_named(number: int, next_step: str, file: str | None) -> None:
    kind = CatalogUnavailableError if number in {errno.ENOSPC, errno.EDQUOT} else EnvironmentNotReadyError
    with pytest.raises(kind) as told, catalog_errors("/lake"):
        raise OSError(number, os.strerror(number), file)
    assert f"The disk refuses {file or '/lake'}: {os.strerror(number)}." == told.value.message
    assert next_step in told.value.next_step


def test_a_landing_whose_data_file_cannot_be_written_names_the_warehouse(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "home")
    close_days(lake, "raw.plays", {D1: 0})
    file = tmp_path / "plays-1.jsonl"
    file.write_text("".join(PLAY % (uuid.uuid4(), uuid.uuid4()) for _ in range(60_000)))
    with no_file_larger_than(1 << 20), pytest.raises(EnvironmentNotReadyError, match="The disk refuses") as told:
        ingest(lake.settings, None, [file])
    assert str(told.value.facts["path"]).startswith(lake.settings.warehouse_uri)
    del told
    gc.collect()  # PyArrow's writer could not be closed and tries again when it is collected: not in another test.
    assert [report.rows.out for report in ingest(lake.settings, None, [file])] == [60_000]


def test_a_full_disk_of_the_embedded_catalog_is_named(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "home")
    with lake.catalog.engine.connect() as connection:  # type: ignore[attr-defined]
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        refused = pytest.raises(CatalogUnavailableError, match=r"The disk refuses .*/catalog.db: No space left")
        with refused, catalog_errors():
            connection.exec_driver_sql("CREATE TABLE more AS SELECT zeroblob(1000000)")


@pytest.mark.parametrize("kind", [ssl.SSLError, ssl.SSLCertVerificationError, socket.herror, socket.gaierror])
def test_an_error_of_the_network_is_no_disk_that_refuses(kind: type[OSError]) -> None:
    assert refused_by_disk(kind(errno.EPERM, "of the network"), "/lake") is None


def test_a_database_that_is_locked_is_no_disk_that_refuses() -> None:
    with pytest.raises(CatalogUnavailableError), catalog_errors():
        raise OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked"))


def test_a_working_directory_that_was_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(EnvironmentNotReadyError, match="working directory was removed"), catalog_errors():
        Path.cwd()
