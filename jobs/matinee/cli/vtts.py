"""`matinee vtts`: until when each dataset can be trusted, and why not longer."""

from datetime import timedelta

import click

from matinee.cli.output import OUT, emit, emit_one, output_option
from matinee.errors import MatineeError, TerminalError, raise_foremost
from matinee.foreign import translating
from matinee.settings import load_settings
from matinee.short_lived import leave_out
from matinee.table.catalog import Lake
from matinee.table.registers import stamp
from matinee.validity.ages import Age, is_daily
from matinee.validity.outdated import other_rows
from matinee.validity.validity import Validity


@click.group()
@click.pass_obj
def vtts(has_own_process: bool | None) -> None:
    """Valid-through timestamps: the end of each dataset's unbroken run of valid days."""
    if has_own_process:
        leave_out()


@vtts.command(name="list")
@output_option
def list_(output: str) -> None:
    """Show every daily dataset's VTTS, how old it is and may be, maturity and what holds it.

    \b
    Example:
      matinee vtts list --output json
    """
    lake = Lake.open(load_settings())
    validity = Validity(lake)
    now, rows, failed = stamp(), list[dict[str, object]](), list[MatineeError]()
    for contract in filter(is_daily, lake.registry.all()):
        try:
            with translating():
                age = Age.of(validity, contract)
        except MatineeError as error:
            failed.append(error)
            continue
        trust = age.vtts
        held = trust.held_by.root if trust.held_by else None
        rows.append(
            {
                "dataset": trust.dataset,
                "vtts": trust.vtts,
                "age": _to_the_minute(age.at(now)),
                "allowed": age.allowed,
                "late": age.is_late(now),
                "mature_through": trust.mature_through,
                "held_by": f"{held.dataset} {held.day}: {held.detail}" if held else None,
            }
        )
    emit(rows, output)
    raise_foremost(failed)
    lake.registry.require_all("Not everything is shown")


@vtts.command()
@click.argument("dataset")
@output_option
def explain(dataset: str, output: str) -> None:
    """Name the day, input, audit or count that holds DATASET's VTTS, and what would move it.

    Where the last day that can be trusted is outdated, the days and rows that it would read otherwise are named, too.

    \b
    Example:
      matinee vtts explain core.impression_plays
    """
    lake = Lake.open(load_settings())
    contract = lake.registry.get(dataset)
    validity = Validity(lake)
    trust = validity.vtts(dataset)
    if trust.held_by is None:
        raise TerminalError(f"{dataset} is valid without end.", next_step="Check valid_from in the settings.")
    last = validity.history(dataset).newest((trust.vtts - timedelta(days=1)).date()) if trust.vtts else None
    outdated = other_rows(validity, last) if last and contract.transform else []
    if output == "json":
        emit_one({"dataset": dataset, "vtts": trust.vtts, "held_by": trust.held_by, "outdated": outdated}, output)
        return
    OUT.print(f"{dataset} can be trusted through {trust.vtts or 'nothing yet'}; it is held by")
    for line in trust.held_by.lines():
        OUT.print(f"  {line}", highlight=False)
    for other in outdated:
        days = ", ".join(map(str, other.days))
        OUT.print(
            f"Its last day is valid and outdated: {len(other.days)} days of {other.dataset} ({days}) hold other rows "
            f"than were read, {other.rows} by now. `matinee heal apply` derives it again.",
            highlight=False,
        )


def _to_the_minute(age: timedelta | None) -> timedelta | None:
    return None if age is None else age - age % timedelta(minutes=1)
