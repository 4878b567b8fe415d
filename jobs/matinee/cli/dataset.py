"""`matinee dataset`: a dataset as a whole."""

import click

from matinee.cli.options import user
from matinee.cli.output import emit, emit_one, output_option
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def dataset() -> None:
    """Datasets as a whole."""


@dataset.command()
@click.argument("name", metavar="DATASET")
@click.option("--reason", required=True, help="Why; it stands in the register of retired datasets.")
@click.option("--dry-run", is_flag=True, help="List who reads it; drop nothing.")
@output_option
def retire(name: str, reason: str, dry_run: bool, output: str) -> None:
    """Drop the table of DATASET, its live table and their files, if nobody reads them; this cannot be undone.

    Readers are contracts that name DATASET as an input, pinned sets, runs, branches at work, and landings that were cut
    off. The name is never used for a table again: registers know landed files and days by the name. The next call
    finishes a call that was killed; afterwards the dataset's folder and its DAG can be removed.

    \b
    Example:
      matinee dataset retire core.searches --reason "replaced by core.queries" --dry-run
      matinee dataset retire core.searches --reason "replaced by core.queries"
    """
    from matinee.maintenance import retirement
    from matinee.table.registers import stamp

    lake = Lake.open(load_settings())
    if dry_run:
        rows = [vars(reader) for reader in retirement.readers(lake, name, stamp())]
        emit(rows, output, empty=f"Nobody reads {name}.")
        return
    done = retirement.retire(lake, name, reason, user())
    state = "retired" if done.tables else "was retired before; nothing was changed"
    emit_one(
        {
            "dataset": name,
            "state": state,
            "dropped": done.tables,
            "since": done.since,
            "next": f"Remove {lake.registry.get(name).folder} and its DAG.",
        },
        output,
    )
