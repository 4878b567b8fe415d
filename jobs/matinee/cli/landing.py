"""`matinee landing`: the state of landing files."""

from dataclasses import asdict
from pathlib import Path

import click

from matinee.cli.output import emit, output_option
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def landing() -> None:
    """Landing: which files are landed, prepared or refused, and why."""


@landing.command()
@click.argument("dataset", required=False)
@click.option("--from", "sources", multiple=True, metavar="PATH", help="File, directory or glob; may be repeated.")
@output_option
def status(dataset: str | None, sources: tuple[str, ...], output: str) -> None:
    """Show the files whose landing was cut off, and the state of the files at each PATH; nothing is landed.

    States: `landed`, `copy` (the same bytes were landed from another file), `new`, `refused` (and why), `prepared`. A
    PATH that has no files or cannot be listed is `refused`.

    \b
    Example:
      matinee landing status --from landing/ --output json
    """
    from matinee.landing.status import status as look

    lake = Lake.open(load_settings())
    rows = [asdict(file) for file in look(lake, dataset, sources)]
    if output != "json":
        rows = [{**row, "file": Path(str(row["file"])).name} for row in rows]
    emit(rows, output, empty="No landing was cut off; --from PATH looks at files.")
    if dataset is None:
        lake.registry.require_all("Not everything is shown")
