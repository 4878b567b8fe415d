"""`matinee doctor`: what is wrong with this machine or lake, and what to do about it."""

from collections.abc import Callable, Iterator

import click

from matinee.cli.output import emit, output_option
from matinee.errors import MatineeError
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake


@click.command()
@click.option(
    "--clean", is_flag=True, help="Drop what runs that died left: branches, pins; they are recorded as abandoned."
)
@output_option
def doctor(clean: bool, output: str) -> None:
    """Check Java, jars, engine, catalog, location, contracts, ledger, leftovers; exit 1 where something needs you.

    Run --clean only while no run is active: the branch of a live run looks like a leftover.

    \b
    Example:
      matinee doctor
      matinee doctor --clean
    """
    settings = load_settings()
    rows = [_checked(name, check, settings) for name, check in CHECKS.items()]
    if all(row["state"] == "ok" for row in rows):
        rows += list(_lake(Lake.open(settings), clean))
    emit(rows, output)
    if any(row["state"] == "failed" for row in rows):
        raise click.exceptions.Exit(1)


def _checked(name: str, check: Callable[[Settings], str], settings: Settings) -> dict[str, object]:
    try:
        return {"check": name, "state": "ok", "detail": check(settings), "next": None}
    except MatineeError as error:
        return {"check": name, "state": "failed", "detail": error.message, "next": error.next_step}


def _java(_: Settings) -> str:
    from matinee.engine.java import check_java

    return f"Java {check_java()}"


def _jars(settings: Settings) -> str:
    from matinee.engine.options import jar_files

    return f"{len(jar_files(settings))} jars in {settings.jars_dir}"


def _engine(settings: Settings) -> str:
    from matinee.engine.server import running_remote
    from matinee.engine.session import check_port

    remote = settings.spark_remote or running_remote(settings)
    if remote is None:
        return "a server of its own for each command"
    check_port(remote)
    return remote


def _catalog(settings: Settings) -> str:
    lake = Lake.open(settings)
    tables = [contract.dataset for contract in lake.registry.all() if lake.exists(contract.dataset)]
    return f"{settings.catalog} at {settings.warehouse_uri}, {len(tables)} tables"


def _contracts(settings: Settings) -> str:
    from matinee.contracts import evolve

    lake = Lake.open(settings)
    changes = [
        f"{contract.dataset}: {change}"
        for contract in lake.registry.all()
        if lake.exists(contract.dataset)
        for change in evolve.plan(contract, lake.table(contract.dataset))
    ]
    return "; ".join(changes) + " (applied by the next run)" if changes else "tables are as their contracts say"


def _location(settings: Settings) -> str:
    from matinee.table.location import refuse_foreign

    lake = Lake.open(settings)
    for contract in lake.registry.all():
        if lake.exists(contract.dataset):
            refuse_foreign(lake.table(contract.dataset))
    return f"all tables lie below {settings.warehouse_uri}"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "java": _java,
    "jars": _jars,
    "engine": _engine,
    "catalog": _catalog,
    "location": _location,
    "contracts": _contracts,
}


def _lake(lake: Lake, clean: bool) -> Iterator[dict[str, object]]:
    from matinee.ledger.recovery import recover
    from matinee.maintenance.leftovers import clean as drop
    from matinee.maintenance.leftovers import leftovers

    for contract in lake.registry.all():
        if contract.transform and lake.exists(contract.dataset):
            for record in recover(lake, contract.dataset):
                detail = f"{record.publication_id} {record.day} recorded as {record.state.value}"
                yield {"check": "ledger", "state": "ok", "detail": detail, "next": None}
    for leftover in leftovers(lake):
        detail = leftover.spark_name
        if clean:
            drop(lake, leftover)
            yield {"check": "branches", "state": "ok", "detail": f"{detail} dropped", "next": None}
        else:
            yield {
                "check": "branches",
                "state": "open",
                "detail": detail,
                "next": "`matinee doctor --clean` drops it, once no run is active",
            }
