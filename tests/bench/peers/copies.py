"""Copy floors: read both inputs and write both, which no derivation on that engine can undercut."""

from types import ModuleType
from typing import TYPE_CHECKING

from tests.bench.jobs import Job

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyspark.sql import SparkSession


def connect_copy(session: "SparkSession", job: Job) -> dict[str, list[str]]:
    """Copy by Spark or by Sail."""
    with job.writing(job.attributions_folder) as folder:
        session.read.parquet(*job.plays).write.parquet(str(folder))
    with job.writing(job.impression_plays_folder) as folder:
        session.read.parquet(*job.impressions).write.parquet(str(folder))
    return job.written()


def duckdb_copy(connection: "DuckDBPyConnection", job: Job) -> dict[str, list[str]]:
    """Copy by DuckDB."""
    connection.execute("SET preserve_insertion_order = false").fetchall()
    for files, output in ((job.plays, job.attributions_folder), (job.impressions, job.impression_plays_folder)):
        with job.writing(output) as folder:
            connection.read_parquet(files).create_view("copied", replace=True)
            options = "FORMAT parquet, COMPRESSION zstd, PER_THREAD_OUTPUT true"
            connection.execute(f"COPY copied TO '{folder}' ({options})").fetchall()
    return job.written()


def polars_copy(polars: ModuleType, job: Job) -> dict[str, list[str]]:
    """Copy by Polars."""
    for files, output in ((job.plays, job.attributions_folder), (job.impressions, job.impression_plays_folder)):
        with job.writing(output) as folder:
            polars.scan_parquet(files).sink_parquet(folder / "part.parquet", compression="zstd", mkdir=True)
    return job.written()
