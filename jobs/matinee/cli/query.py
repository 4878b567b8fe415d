"""`matinee query`: one read-only SELECT against the lake."""

import logging

import click

from matinee.cli.output import emit, output_option, working
from matinee.settings import load_settings
from matinee.table.catalog import Lake


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
    from matinee.engine.reading import reading
    from matinee.engine.session import spark_session

    settings = Lake.open(load_settings()).settings
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    with working("query", output), spark_session(settings) as spark:
        spark.catalog.setCurrentCatalog(settings.catalog_name)
        rows = reading(spark, statement).limit(limit).collect()
    emit([row.asDict(recursive=True) for row in rows], output, empty="No rows.")
