"""Upkeep of the lake: recovery, drops of days, expiry of snapshots, orphan files; each can run again at any time."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from matinee import faults
from matinee.days import parse_moment
from matinee.engine.session import spark_session
from matinee.engine.tables.spark_procedures import remove_orphan_files
from matinee.errors import CommitConflictError, MatineeError, UsageError, raise_foremost
from matinee.foreign import translating
from matinee.landing.batches import settle_idle
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.ledger.pinned_sets import end_overdue
from matinee.ledger.recovery import recover
from matinee.ledger.withdrawal import withdraw
from matinee.maintenance.drops import drop
from matinee.maintenance.leftovers import clean_overdue
from matinee.maintenance.retention import expire, plan_expiry
from matinee.report import Report
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.lake_format import refuse_older
from matinee.table.location import refuse_foreign
from matinee.validity.outside import changed_outside

log = logging.getLogger(__name__)
ORPHAN_AGE = timedelta(days=3)
What = Literal["recover", "compact", "expire", "orphans"]


def recover_all(settings: Settings) -> Report:
    """Update the ledger and the register of landings from the tables of the datasets whose contract can be used.

    Raises:
        MatineeError: a table cannot be read; the others were updated.
    """
    lake = Lake.open(settings)
    appended, failed = 0, list[MatineeError]()
    for contract in lake.registry.all():
        try:
            with translating():
                if lake.exists(contract.dataset) and contract.transform:
                    appended += len(recover(lake, contract.dataset))
                    faults.reach("recover.after_rows")
                    appended += _withdraw_changed(lake, contract.dataset)
                elif lake.exists(contract.dataset) and contract.is_landed:
                    appended += settle_idle(lake, contract.dataset)
        except MatineeError as error:
            failed.append(error)
    raise_foremost(failed)
    return Report(step="recover", dataset="ops.publications", details={"rows_appended": appended})


def _withdraw_changed(lake: Lake, dataset: str) -> int:
    """Withdraw the days that were changed past the protocol, before the commit that shows the change expires."""
    changes = changed_outside(lake, history(lake, dataset)).values()
    published = [change for change in changes if change.newest.state is State.PUBLISHED]
    withdrawn = 0
    for change in published:
        try:
            withdraw(lake, change.newest, change.words)
            withdrawn += 1
        except CommitConflictError as error:
            # The day was published again meanwhile: the next recovery looks at the new publication.
            log.warning("%s", error.message)
    return withdrawn


def expire_snapshots(settings: Settings, dataset: str, now: datetime) -> Report:
    """Remove branches of dead runs, days that the contract's `keep` ends, and snapshots that nothing needs at `now`.

    The ledger is updated first, and overdue pinned sets end. Snapshots and tags are removed last: they hold the files
    of the days.

    Raises:
        ContractError: a contract cannot be used: its dataset may need what would go. Nothing was removed.
    """
    recover_all(settings)
    lake = Lake.open(settings)
    lake.registry.require_all(f"Nothing of {dataset} is removed, as not all of its readers are known")
    dead = clean_overdue(lake, dataset, now)
    for leftover in dead:
        log.warning("%s was dropped: nothing has happened there since %s", leftover.spark_name, leftover.since)
    for ended in end_overdue(lake, now):
        log.info("The pinned set %s has ended: it was held through %s", ended.pin_id, ended.until)
    dropped = drop(lake, dataset, now)
    for need in dropped.needed if dropped and dropped.kept else ():
        log.warning("%s keeps days from %s on for %s", dataset, need.first, need.who)
    report = expire_recovered(lake, dataset, now)
    days, rows, kept = (dropped.days, dropped.rows, dropped.kept) if dropped else (0, 0, 0)
    details = {"branches": len(dead), "days_dropped": days, "rows_dropped": rows, "days_needed": kept}
    return report.model_copy(update={"details": {**report.details, **details}})


def expire_recovered(lake: Lake, dataset: str, now: datetime) -> Report:
    """Remove snapshots and tags only, of a lake whose ledger was just updated."""
    expiry = plan_expiry(lake, dataset, now)
    expire(lake, expiry)
    details: dict[str, str | int] = {"snapshots": len(expiry.snapshot_ids), "tags": len(expiry.tags)}
    return Report(step="expire", dataset=dataset, details=details)


def remove_orphans(settings: Settings, dataset: str, now: datetime) -> Report:
    """Delete files of a table that no snapshot knows and that are older than three days.

    Raises:
        ForeignTableError: the table is another lake's.
        LakeFormatError: the lake has an older format.
    """
    lake = Lake.open(settings)
    refuse_older(lake.catalog)
    refuse_foreign(lake.table(dataset))
    with spark_session(settings) as spark:
        removed = remove_orphan_files(spark, settings, dataset, now.astimezone(UTC) - ORPHAN_AGE)
    return Report(step="orphans", dataset=dataset, details={"files": len(removed)})


def maintain(
    settings: Settings,
    what: What,
    dataset: str | None = None,
    now: Annotated[str | None, "the time that ages count from, ISO 8601; for expire and orphans"] = None,
) -> Report:
    """Keep a lake in shape: recovery, compaction, expiry, orphan files."""
    from matinee.maintenance import compaction

    if what == "recover":
        return recover_all(settings)
    if not dataset:
        raise UsageError(f"--what {what} needs a dataset.", next_step="Add --dataset NAME.")
    if what != "compact" and not now:
        raise UsageError(f"--what {what} needs the time.", next_step="Add --now 2026-03-01T02:00Z, for example.")
    lake = Lake.open(settings)
    if not lake.exists(lake.registry.get(dataset).dataset):
        return Report(step=what, dataset=dataset, details={"note": "no table yet"})
    if what == "compact":
        return compaction.compact(settings, dataset)
    keep = expire_snapshots if what == "expire" else remove_orphans
    return keep(settings, dataset, parse_moment(now or ""))
