"""Engines: started, warmed by `SELECT 1` and limited alike before any clock runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from matinee.engine.server import free_port, start_server, stop_server
from matinee.engine.session import sail_session, spark_session
from matinee.settings import Settings
from tests.bench.jobs import CORES, Job

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyspark.sql import SparkSession

# As the tables have it; by default Spark writes the old INT96, compressed by Snappy.
_PARQUET = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS", "spark.sql.parquet.compression.codec": "zstd"}


@contextmanager
def spark(job: Job, options: dict[str, str]) -> Iterator["SparkSession"]:
    """Yield a session of a Spark server of its own."""
    with spark_remote(job) as remote, spark_session(job.input.settings("spark", remote)) as session:
        for name, value in (_PARQUET | options).items():
            session.conf.set(name, value)
        session.sql("SELECT 1").collect()
        yield session


@contextmanager
def spark_remote(job: Job) -> Iterator[str]:
    """Yield the address of a Spark server that ends with this process."""
    server = start_server(job.input.settings("spark"), free_port(), die_with_us=True)
    try:
        yield server.remote
    finally:
        stop_server(server)
        server.log.unlink(missing_ok=True)


@contextmanager
def sail(job: Job, options: dict[str, str]) -> Iterator["SparkSession"]:
    """Yield a session of Sail in this process."""
    with sail_session(job.input.settings("sail")) as session:
        session.sql("SELECT 1").collect()
        yield session


@contextmanager
def duckdb(job: Job, options: dict[str, str]) -> Iterator["DuckDBPyConnection"]:
    """Yield a connection of DuckDB with the same cores and memory."""
    import duckdb as library

    limits = {"threads": CORES, "memory_limit": "6GiB", "temp_directory": str(job.output / "spilled")}
    with library.connect(config=limits | options) as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        connection.execute("SELECT 1").fetchall()
        yield connection


@contextmanager
def polars(job: Job, options: dict[str, str]) -> Iterator[ModuleType]:
    """Yield Polars, warmed; it has no limit of memory, and its threads are set before it is loaded."""
    import polars as library

    assert library.thread_pool_size() == CORES
    library.select(1)
    yield library


@contextmanager
def cycle_on_spark(job: Job, options: dict[str, str]) -> Iterator[Settings]:
    """Yield settings of the lake whose engine is a warm Spark server, as the stack has it."""
    job.input.reset()
    with spark_remote(job) as remote:
        settings = job.input.settings("spark", remote)
        with spark_session(settings) as session:
            session.sql("SELECT 1").collect()
        yield settings


@contextmanager
def cycle_on_sail(job: Job, options: dict[str, str]) -> Iterator[Settings]:
    """Yield settings of the lake whose engine is Sail; each step starts it, which the clock includes."""
    job.input.reset()
    settings = job.input.settings("sail")
    with sail_session(settings) as session:
        session.sql("SELECT 1").collect()
    yield settings
