"""Spark's settings for this lake: one place for the catalog, memory, time zone and jars."""

import re
from pathlib import Path

from matinee.errors import EnvironmentNotReadyError
from matinee.settings import Settings
from matinee.table.catalogs import embedded, postgres
from matinee.table.catalogs.address import catalog_address

# Spark never closes the catalog of a session that ended: on a server that runs for weeks its connections would pile up.
IDLE_CONNECTION_MS = 30_000
# What PostgreSQL says of such a connection; Iceberg then opens another.
_LOST_CONNECTION = "57P05,08003,08006"
EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"


def spark_options(settings: Settings) -> dict[str, str]:
    """Return the options of the embedded engine; it serves any lake, so each session brings its own catalog.

    Raises:
        EnvironmentNotReadyError: the jars are not there.
    """
    return {
        "spark.jars": ",".join(str(jar.absolute()) for jar in jar_files(settings)),
        "spark.driver.memory": settings.spark_memory,
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.extensions": EXTENSIONS,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(2 * settings.spark_cores),
        "spark.sql.ansi.enabled": "true",
    }


def catalog_options(settings: Settings) -> dict[str, str]:
    """Return the options of this lake's Iceberg catalog, as each session sets them."""
    prefix = f"spark.sql.catalog.{settings.catalog_name}"
    options = {
        prefix: "org.apache.iceberg.spark.SparkCatalog",
        f"{prefix}.warehouse": settings.warehouse_uri,
        # PyIceberg moves references between two statements of one session: cached metadata would hide its branches.
        f"{prefix}.cache-enabled": "false",
    }
    own = _aws_options(settings) if settings.catalog == "aws" else _jdbc_options(settings)
    return options | {f"{prefix}.{name}": value for name, value in own.items()}


def _jdbc_options(settings: Settings) -> dict[str, str]:
    options = {"type": "jdbc", "jdbc.schema-version": "V1"}
    if settings.catalog == "embedded":
        return options | {"uri": embedded.jdbc_address(settings.home)}
    uri, properties = postgres.jdbc(catalog_address(settings))
    idle = f"-c idle_session_timeout={IDLE_CONNECTION_MS}"
    properties["options"] = f"{properties.get('options', '')} {idle}".strip()
    options |= {"uri": uri, "retryable_status_codes": _LOST_CONNECTION}
    return options | {f"jdbc.{name}": value for name, value in properties.items()}


def _aws_options(settings: Settings) -> dict[str, str]:
    options = {
        "catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "client.region": settings.aws_region,
    }
    if settings.glue_endpoint:
        options["glue.endpoint"] = settings.glue_endpoint
    if settings.s3_endpoint:
        options |= {"s3.endpoint": settings.s3_endpoint, "s3.path-style-access": "true"}
    return options


def jar_files(settings: Settings) -> list[Path]:
    """Return the jars that `make jars` fetched, in the order of their names.

    Raises:
        EnvironmentNotReadyError: Iceberg's jar is not there.
    """
    jars = sorted(settings.jars_dir.glob("*.jar"))
    if not any(re.match(r".*iceberg-spark-runtime", jar.name) for jar in jars):
        raise EnvironmentNotReadyError(
            f"The Iceberg jars are not in {settings.jars_dir}.",
            next_step="Run `make jars`.",
            facts={"jars_dir": settings.jars_dir},
        )
    return jars
