"""Sail: an engine in Rust that speaks Spark's Connect protocol, inside this process and without a JVM."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from matinee.contracts.ddl import COMPRESSION_LEVEL, DICTIONARY_BYTES
from matinee.errors import EnvironmentNotReadyError
from matinee.settings import Settings

_UNITS = {"m": 2**20, "g": 2**30}


@contextmanager
def sail_server(settings: Settings) -> Iterator[str]:
    """Run Sail on a free loopback port for the length of a block and yield its address `sc://127.0.0.1:port`.

    Raises:
        EnvironmentNotReadyError: Sail is not installed.
    """
    # Sail reads its options from the environment, once per server; what is there already is of another Sail.
    for name in [name for name in os.environ if name.startswith("SAIL_")]:
        del os.environ[name]
    os.environ.update(sail_options(settings))
    try:
        from pysail.spark import SparkConnectServer
    except ImportError as error:
        raise EnvironmentNotReadyError(
            "The engine 'sail' is not installed.",
            next_step="Install matinee[sail], or unset MATINEE_ENGINE to use Spark.",
        ) from error
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    try:
        _, port = server.listening_address
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.stop()


def sail_options(settings: Settings) -> dict[str, str]:
    """Return the environment that Sail is started with: cores, memory, log level, and where S3 is."""
    memory = int(settings.spark_memory[:-1]) * _UNITS[settings.spark_memory[-1]]
    options = {
        "RUST_LOG": os.environ.get("RUST_LOG", "error"),
        "SAIL_EXECUTION__DEFAULT_PARALLELISM": str(settings.spark_cores),
        # Each operator that can spill to disk gets its share; without a limit the kernel would end the whole task.
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
        "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(memory),
        "SAIL_PARQUET__COMPRESSION": f"zstd({COMPRESSION_LEVEL})",
        "SAIL_PARQUET__DICTIONARY_PAGE_SIZE_LIMIT": str(DICTIONARY_BYTES),
    }
    if settings.catalog == "aws":
        options["AWS_REGION"] = settings.aws_region
        if settings.s3_endpoint:
            options |= {"AWS_ENDPOINT": settings.s3_endpoint, "AWS_ALLOW_HTTP": "true"}
    return options
