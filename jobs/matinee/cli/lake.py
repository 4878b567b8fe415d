"""`matinee lake`: the lake as a whole: where it begins, where its tables lie, its format, its backup."""

from datetime import UTC, date, datetime
from pathlib import Path

import click

from matinee.cli.options import DAY
from matinee.cli.output import emit, emit_one, output_option, working
from matinee.settings import load_settings
from matinee.table.catalog import Lake


@click.group()
def lake() -> None:
    """The lake as a whole: where it begins, where its tables lie, its format, its backup."""


@lake.command()
@click.argument("first_day", metavar="DAY", type=DAY)
@output_option
def begin(first_day: date, output: str) -> None:
    """Let the lake begin with DAY, to load history: days before its first day count as empty and valid.

    VTTS falls back to DAY: each day from DAY on is open until its events are landed and the day is closed. DAY may be
    later than the first day only where nothing before DAY was published.

    \b
    Example:
      matinee lake begin 2026-01-01
    """
    from matinee.landing.declarations import begin as begin_with

    before = begin_with(Lake.open(load_settings()), first_day, datetime.now(UTC))
    note = "it began there already" if before == first_day else "days without a publication are open from there on"
    emit_one({"first_day": first_day, "before": before, "note": note}, output)


@lake.command()
@output_option
def relocate(output: str) -> None:
    """Bring the tables of a lake that was copied or moved below the configured warehouse.

    Until then the tables are those of the original lake, and no command changes them. The original has to be readable
    where it was, and nothing may be at work in it; it is only read, and can be removed afterwards. Rows are proven
    equal table by table; branches and tags are kept.

    \b
    Example:
      cp -a /data/lake /data/copy
      MATINEE_HOME=/data/copy matinee lake relocate
    """
    from matinee.maintenance.relocation import relocate as bring

    with working("Bringing the tables here …", output):
        rows = [vars(table) for table in bring(load_settings())]
    emit(rows, output, empty="Every table lies below the warehouse.")


@lake.command()
@click.option("--dry-run", is_flag=True, help="Print the steps; change nothing.")
@output_option
def upgrade(dry_run: bool, output: str) -> None:
    """Bring a lake that an older version wrote to the format of this version; until then the lake is only read.

    First stop whatever writes to the lake: Airflow (`make down`), the stream, a healer. The command can be run again at
    any time; the next call finishes a call that was killed. Afterwards no older version may be started on the lake.

    \b
    Example:
      matinee lake upgrade --dry-run
      matinee lake upgrade
    """
    from matinee.maintenance import upgrade as upgrades

    opened = Lake.open(load_settings())
    steps = upgrades.plan(opened) if dry_run else upgrades.upgrade(opened)
    state = "to do" if dry_run else "done"
    emit([{**vars(step), "state": state} for step in steps], output, empty="The lake has the current format.")


@lake.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@output_option
def backup(folder: Path, output: str) -> None:
    """Write to DIR what would be lost with the catalog: its tables, their pointers, the numbers of leases.

    Writers may be at work. The backup in DIR is replaced, whole or not at all; nobody but its owner can read it. Rows
    and metadata lie in the warehouse, which needs copies of its own. Keep DIR elsewhere than the catalog.

    \b
    Example:
      matinee lake backup /backups/lake
    """
    from matinee.maintenance import backup as backups

    taken = backups.take(Lake.open(load_settings()), datetime.now(UTC))
    file = backups.write(taken, folder)
    emit_one({"file": file, "tables": len(taken.tables), "leases": len(taken.leases)}, output)


@lake.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--take", multiple=True, metavar="FILE", help="Metadata file to take, where a table has two newest ones.")
@output_option
def restore(folder: Path, take: tuple[str, ...], output: str) -> None:
    """Bring a lost catalog back from the backup in DIR and from what was committed after it.

    Stop all writers first. The catalog has to be empty, or to hold only what would be restored. What was published
    stays published, and no lease is held afterwards. The command can be run again at any time; the next call finishes a
    call that was killed.

    \b
    Example:
      matinee lake restore /backups/lake
    """
    from matinee.maintenance import backup as backups
    from matinee.maintenance.restoration import restore as bring_back

    restored = bring_back(Lake.open_any(load_settings()), backups.read(folder), take)
    emit([vars(table) for table in restored], output, empty="The backup has no table.")
