"""`matinee query`: one read-only SELECT against the lake."""

import logging
import re

import click

from matinee.cli.output import emit, output_option, working
from matinee.errors import UsageError
from matinee.settings import load_settings

# These functions call arbitrary code on the server from inside a SELECT.
_ESCAPES = re.compile(r"\b(reflect|try_reflect|java_method)\b", re.IGNORECASE)


@click.command()
@click.argument("statement")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Rows at the most.")
@output_option
def query(statement: str, limit: int, output: str) -> None:
    """Run one SELECT; table names are NAMESPACE.DATASET, branches NAMESPACE.DATASET.branch_NAME.

    \b
    Example:
      matinee query "SELECT label, count(*) FROM core.impression_plays GROUP BY label"
      matinee query "SELECT count(*) FROM core.play_attributions.branch_experiment_long_window"
    """
    from pyspark.errors import AnalysisException, ParseException

    from matinee.engine.session import spark_session

    settings = load_settings()
    text = read_only(statement)
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    with working("query", output), spark_session(settings) as spark:
        spark.catalog.setCurrentCatalog(settings.catalog_name)
        try:
            rows = spark.sql(text).limit(limit).collect()
        except (AnalysisException, ParseException) as error:
            raise UsageError(
                f"Spark cannot run that query: {str(error).strip().splitlines()[0]}",
                next_step="Correct it; `matinee contract show DATASET` lists a table's columns.",
            ) from error
    emit([row.asDict(recursive=True) for row in rows], output, empty="No rows.")


def read_only(statement: str) -> str:
    """Return the statement in a form that only a query fits into: Spark's grammar then refuses everything else.

    Raises:
        UsageError: the statement is empty or calls into the server's code.
    """
    text = statement.strip().rstrip(";")
    if not text or _ESCAPES.search(text):
        raise UsageError(
            "Only a plain query can be run here.", next_step="Give one SELECT without reflect or java_method."
        )
    return f"SELECT * FROM (\n{text}\n)"
