"""A process that has the embedded catalog open reads and writes the catalog that is put back in its place."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event
from tests.support import lost_catalogs
from tests.support.lakes import D1, D2, close_days, make_lake
from tests.support.lost_catalogs import save_catalog

from matinee.errors import EnvironmentNotReadyError
from matinee.table.catalog import Lake
from matinee.validity.manifests import declared


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of which D1 was declared complete, opened by this process."""
    opened = make_lake(tmp_path / "home")
    close_days(opened, "raw.plays", {D1: 0})
    return opened


@pytest.fixture
def put_back(tmp_path: Path, lake: Lake) -> Callable[[], None]:
    """Save the catalog; return a function that puts the saved catalog back."""
    save_catalog(lake.settings, tmp_path / "saved")
    return partial(lost_catalogs.put_back, lake.settings, tmp_path / "saved")


def days(lake: Lake) -> set[object]:
    return {day for _, day in declared(lake)}


def test_a_process_sees_the_catalog_that_was_put_back(lake: Lake, put_back: Callable[[], None]) -> None:
    close_days(lake, "raw.plays", {D2: 0})
    assert days(lake) == {D1, D2}
    put_back()
    assert days(lake) == {D1}


def test_what_is_committed_after_a_catalog_was_put_back_stays(lake: Lake, put_back: Callable[[], None]) -> None:
    put_back()
    close_days(lake, "raw.plays", {D2: 0})
    assert days(make_lake(lake.settings.home)) == {D1, D2}


def test_a_process_sees_a_catalog_that_is_put_back_while_it_connects(lake: Lake, put_back: Callable[[], None]) -> None:
    close_days(lake, "raw.plays", {D2: 0})
    engine = lake.catalog.engine  # type: ignore[attr-defined]
    engine.dispose()
    replacing = iter([put_back])

    def replace(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("SELECT count(*) FROM iceberg_tables").fetchall()
        for back in replacing:
            back()

    event.listen(engine, "connect", replace)
    assert days(lake) == {D1}


@pytest.mark.parametrize("target", [None, "/dev/null"], ids=["folder", "device"])
def test_what_is_no_file_is_no_catalog(tmp_path: Path, target: str | None) -> None:
    file = tmp_path / "catalog.db"
    file.symlink_to(target) if target else file.mkdir()
    with pytest.raises(EnvironmentNotReadyError, match=r"cannot be .*catalog\.db, which is no regular file"):
        make_lake(tmp_path)
