"""`matinee doctor`: what is wrong with this machine or lake, and what to do about it."""

import pwd
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from matinee.cli.exposure import exposed
from matinee.cli.findings import finding, kept, left_out, pinned, retired
from matinee.cli.output import emit, output_option
from matinee.cli.served import served
from matinee.cli.watching import watched
from matinee.errors import ContractError, MatineeError, UnreadableError
from matinee.foreign import translated
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake

if TYPE_CHECKING:
    from matinee.maintenance.leftovers import Leftover


@click.command()
@click.option(
    "--clean", is_flag=True, help="Drop the branches and pins of runs that died; these runs are recorded as abandoned."
)
@output_option
def doctor(clean: bool, output: str) -> None:
    """Check the machine, engine, catalog, files, contracts, ledger, holds, versions, alerts; exit 1 if a check fails.

    A leftover keeps snapshots from expiring since the time in its row; `warning`: for longer than any run is at work.
    The nightly upkeep drops branches on which nothing has happened for 7 days, and branches of failed audits after 14.
    `pins` are sets that somebody holds (`matinee pin`); `keep` says which days were dropped because their contract has
    a `keep`, and who still needs days that are due to be dropped. `home` and `sail` say what other users of this
    machine can reach.

    Run --clean only while no run is active: the branch of a live run looks like a leftover.

    \b
    Example:
      matinee doctor
      matinee doctor --clean
    """
    settings = load_settings()
    rows = [_checked(name, check, settings) for name, check in CHECKS.items()]
    is_sound = all(row["state"] == "ok" for row in rows)
    rows += exposed(settings, pwd.getpwall())
    if is_sound:
        rows += _looks(Lake.open(settings), clean)
    rows += [*_deaths(settings), *watched(settings, datetime.now(UTC))]
    emit(rows, output)
    if any(row["state"] == "failed" for row in rows):
        raise click.exceptions.Exit(1)


def _checked(name: str, check: Callable[[Settings], str], settings: Settings) -> dict[str, object]:
    try:
        return finding(name, "ok", check(settings))
    except Exception as error:  # noqa: BLE001 - the other checks go on
        return _failed(name, error)


def _failed(name: str, error: Exception) -> dict[str, object]:
    ours = translated(error)
    return finding(name, "failed", ours.message, ours.next_step)


def _java(_: Settings) -> str:
    from matinee.engine.java import check_java

    return f"Java {check_java()}"


def _jars(settings: Settings) -> str:
    from matinee.engine.options import jar_files

    return f"{len(jar_files(settings))} jars in {settings.jars_dir}"


def _engine(settings: Settings) -> str:
    from matinee.stack.engine import check_engine

    return check_engine(settings) or "a server of its own for each command"


def _deaths(settings: Settings) -> Iterator[dict[str, object]]:
    """Warn of an engine that has died and runs again, and of an engine that nothing would start again."""
    from matinee.engine.processes import find
    from matinee.engine.server import running_remote
    from matinee.stack.supervisor import NAME, last_outage

    if running_remote(settings) is None:
        return
    if outage := last_outage(settings):
        times = f"{outage.deaths} times" if outage.deaths > 1 else "once"
        detail = f"the engine died {times} since `make up` and was started again: {outage.last_words}"
        yield finding("engine", "warning", detail, f"read {outage.log}", outage.died_at)
    if find(settings, NAME) is None:
        then = "`make down`, then `make up`"
        yield finding("engine", "warning", "nothing starts the engine again if it dies: its supervisor is gone", then)


def _catalog(settings: Settings) -> str:
    lake = Lake.open(settings)
    tables = [contract.dataset for contract in lake.registry.all() if lake.exists(contract.dataset)]
    return f"{settings.catalog} at {settings.warehouse_uri}, {len(tables)} tables"


def _format(settings: Settings) -> str:
    from matinee.table.lake_format import CURRENT, number, refuse_older

    lake = Lake.open(settings)
    refuse_older(lake.catalog)
    return f"format {number(lake) or CURRENT}, which this version writes"


def _contracts(settings: Settings) -> str:
    from matinee.contracts import evolve

    lake, changes, refused = Lake.open(settings), list[str](), list[ContractError]()
    for contract in lake.registry.all():
        if lake.exists(contract.dataset):
            try:
                planned = evolve.plan(contract, lake.table(contract.dataset))
                changes += [f"{contract.dataset}: {change}" for change in planned]
            except ContractError as error:
                refused.append(error)
    if refused:
        told = " ".join(error.message for error in refused)
        raise ContractError(told, next_step=refused[0].next_step)
    return "; ".join(changes) + " (applied by the next run)" if changes else "tables are as their contracts say"


def _location(settings: Settings) -> str:
    from matinee.table.location import refuse_foreign

    lake = Lake.open(settings)
    for contract in lake.registry.all():
        if lake.exists(contract.dataset):
            refuse_foreign(lake.table(contract.dataset))
    return f"all tables lie below {settings.warehouse_uri}"


def _files(settings: Settings) -> str:
    from matinee.table.files import manifests

    lake, refused, read = Lake.open(settings), list[MatineeError](), 0
    for contract in lake.registry.all():
        try:
            read += manifests(lake.table(contract.dataset)) if lake.exists(contract.dataset) else 0
        except Exception as error:  # noqa: BLE001 - the other tables are read
            refused.append(translated(error))
    if refused:
        told = " ".join(error.message for error in refused)
        raise UnreadableError(told, next_step=refused[0].next_step)
    return f"{read} manifests of `main` can be read"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "java": _java,
    "jars": _jars,
    "engine": _engine,
    "catalog": _catalog,
    "format": _format,
    "location": _location,
    "contracts": _contracts,
    "files": _files,
}


def _looks(lake: Lake, clean: bool) -> Iterator[dict[str, object]]:
    """Yield what each look at the lake finds; a look that fails keeps no other from its rows."""
    from matinee.table.registers import stamp

    now = stamp()
    looks = {
        "contracts": left_out(lake.registry),
        "ledger": _ledger(lake),
        "branches": _branches(lake, clean, now),
        "landings": _begun(lake, now),
        "pins": pinned(lake, now),
        "keep": kept(lake, now),
        "retired": retired(lake),
        "served": served(lake),
    }
    for name, rows in looks.items():
        try:
            yield from rows
        except Exception as error:  # noqa: BLE001 - the other looks go on
            yield _failed(name, error)


def _ledger(lake: Lake) -> Iterator[dict[str, object]]:
    from matinee.ledger.recovery import recover

    for contract in lake.registry.all():
        if contract.transform and lake.exists(contract.dataset):
            for record in recover(lake, contract.dataset):
                yield finding("ledger", "ok", f"{record.publication_id} {record.day} recorded as {record.state.value}")


def _branches(lake: Lake, clean: bool, now: datetime) -> Iterator[dict[str, object]]:
    from matinee.maintenance.leftovers import clean as drop
    from matinee.maintenance.leftovers import leftovers

    for leftover in leftovers(lake):
        if clean:
            drop(lake, leftover)
            yield finding("branches", "ok", f"{leftover.spark_name} dropped")
        else:
            yield _holding(leftover, now)


def _begun(lake: Lake, now: datetime) -> Iterator[dict[str, object]]:
    """Name the landings that were cut off before their last commit."""
    from matinee.landing.batches import prepared, unfinished
    from matinee.landing.model import QUARANTINE
    from matinee.maintenance.leftovers import KEEP_LIVE

    for landing in unfinished(lake) if lake.exists(QUARANTINE) else ():
        state = "warning" if now - landing.received_ts > KEEP_LIVE else "open"
        detail = f"{landing.file}: its bad rows are in {QUARANTINE}, its good ones not in {landing.dataset}"
        then = "the next landing for the dataset completes it, or takes its bad rows back"
        yield finding("landings", state, detail, then, landing.received_ts)
    for contract in lake.registry.all():
        for batch in prepared(lake, contract.dataset) if contract.is_landed else ():
            begun = batch.landings[0].received_ts
            state = "warning" if now - begun > KEEP_LIVE else "open"
            detail = f"{len(batch.landings)} files of {contract.dataset} are prepared and not committed"
            then = "the next landing for the dataset, or the nightly upkeep, completes them or lands them again"
            yield finding("landings", state, detail, then, begun)


def _holding(leftover: "Leftover", now: datetime) -> dict[str, object]:
    """Return the row of a leftover; a warning where it keeps snapshots for longer than any run is at work."""
    from matinee.maintenance.leftovers import KEEP_LIVE

    drop = "`matinee doctor --clean` drops it, once no run is active"
    if leftover.since is None or leftover.until is None:
        return finding("branches", "open", leftover.spark_name, drop)
    what = "kept to look at, an audit failed" if leftover.refused else "holds the expiry of snapshots"
    is_long = now - leftover.since > KEEP_LIVE and not leftover.refused
    then = f"the nightly upkeep drops it after {leftover.until:%Y-%m-%d %H:%MZ}; {drop}"
    state, detail = "warning" if is_long else "open", f"{leftover.spark_name}: {what}"
    return finding("branches", state, detail, then, leftover.since, leftover.until)
