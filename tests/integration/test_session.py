"""Sessions of the engine, on the tests' Connect server."""

import gc
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import SecretStr
from tests.support.catalogs import guarded_uri, postgres_settings

import matinee
from matinee.engine import options
from matinee.engine.session import side_by_side, spark_session
from matinee.errors import CatalogUnavailableError, CommitConflictError
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake

pytestmark = pytest.mark.spark


def test_a_collected_session_does_not_close_what_other_sessions_use(settings: Settings) -> None:
    from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

    with spark_session(settings) as first:
        first.sql("SELECT 1").collect()
    with spark_session(settings) as second:
        second.sql("SELECT 1").collect()
        pool = ExecutePlanResponseReattachableIterator._release_thread_pool_instance
        assert pool is not None
        del first
        gc.collect()
        assert ExecutePlanResponseReattachableIterator._release_thread_pool_instance is pool


def test_works_of_one_session_run_side_by_side_and_their_frames_are_of_it(settings: Settings) -> None:
    def ids(count: int) -> list[int]:
        return [row["id"] for row in spark.range(count).localCheckpoint().collect()]

    with spark_session(settings) as spark:
        assert side_by_side(spark, lambda: ids(1), lambda: ids(2)) == ([0], [0, 1])


def test_a_work_that_fails_lets_the_one_beside_it_end_first(settings: Settings) -> None:
    ended: list[int] = []

    def fail() -> None:
        raise CommitConflictError("main moved.", next_step="Again.")

    def read() -> None:
        ended.extend(row["id"] for row in spark.range(1).collect())

    with spark_session(settings) as spark:
        with pytest.raises(CommitConflictError):
            side_by_side(spark, fail, read)
        with pytest.raises(CommitConflictError):
            side_by_side(spark, read, fail)
    assert ended == [0, 0]


def _connections(uri: str) -> int:
    import psycopg2

    connection = psycopg2.connect(uri)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'PostgreSQL JDBC%'")
            return int(cursor.fetchone()[0])
    finally:
        connection.close()


@pytest.mark.postgres
def test_sessions_return_their_catalog_connections_and_open_new_ones(
    postgres_uri: str, spark_remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "IDLE_CONNECTION_MS", 2000)
    settings = postgres_settings(postgres_uri, tmp_path).model_copy(update={"spark_remote": spark_remote})
    Lake.open(settings).ensure("core.impressions")
    with spark_session(settings) as spark:
        assert spark.table("lake.core.impressions").count() == 0
        deadline = time.monotonic() + 30
        while _connections(settings.catalog_uri.get_secret_value()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert _connections(settings.catalog_uri.get_secret_value()) == 0
        assert spark.table("lake.core.impressions").count() == 0


@pytest.mark.postgres
def test_a_guarded_catalog_is_reached_over_verified_tls(postgres_uri: str, spark_remote: str, tmp_path: Path) -> None:
    uri = guarded_uri(postgres_uri)
    settings = load_settings(home=tmp_path, catalog="postgres", catalog_uri=uri, spark_remote=spark_remote)
    Lake.open(settings).ensure("core.plays")
    with spark_session(settings) as spark:
        assert spark.table("lake.core.plays").count() == 0
    elsewhere = settings.model_copy(update={"catalog_uri": SecretStr(uri.replace("127.0.0.1", "localhost"))})
    with pytest.raises(CatalogUnavailableError, match="certificate"):
        Lake.open(elsewhere)


def test_what_runs_in_the_engines_tasks_is_the_package_of_who_asks(settings: Settings) -> None:
    def where(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        import matinee

        for batch in batches:
            yield pa.record_batch({"file": [matinee.__file__] * batch.num_rows})

    with spark_session(settings) as spark:
        assert spark.range(1).mapInArrow(where, "file string").collect()[0]["file"] == matinee.__file__
