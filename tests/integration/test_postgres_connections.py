"""A process has one pool of connections to PostgreSQL, however often it opens the lake: a server has a hundred."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.support.catalogs import postgres_settings

from matinee.settings import Settings
from matinee.table.catalog import Lake

pytestmark = pytest.mark.postgres


@pytest.fixture
def settings(postgres_uri: str, tmp_path: Path) -> Settings:
    return postgres_settings(postgres_uri, tmp_path / "home")


def connections(lake: Lake) -> int:
    with lake.catalog.engine.connect() as connection:  # type: ignore[attr-defined]
        asked = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(connection.execute(asked).scalar_one())


def test_lakes_that_are_opened_one_after_another_share_a_connection(settings: Settings) -> None:
    first = Lake.open(settings)
    before = connections(first)
    kept = [Lake.open(settings) for _ in range(5)]
    assert [lake.exists("core.plays") for lake in kept] == [False] * 5
    assert connections(first) == before


def test_a_connection_that_the_server_has_ended_is_opened_again(settings: Settings) -> None:
    lake = Lake.open(settings)
    connections(lake)
    with lake.catalog.engine.connect() as connection:  # type: ignore[attr-defined]
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
        with lake.catalog.engine.connect() as _:  # type: ignore[attr-defined]
            connection.execute(text(f"{others} AND datname = current_database()"))
    assert [connections(lake) > 0 for _ in range(2)] == [True, True]


def test_a_forked_process_leaves_the_connections_of_its_parent_alone(settings: Settings) -> None:
    lake = Lake.open(settings)
    before = connections(lake)
    child = os.fork()
    if child == 0:
        os._exit(0 if connections(Lake.open(settings)) == before + 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert connections(lake) >= 1
