"""Upkeep: snapshots that should have expired and cells that should be compacted long ago, and what holds expiry."""

from collections.abc import Iterator
from datetime import timedelta

from matinee.alerts.model import Identity, Signal
from matinee.alerts.signals.outlook import Outlook
from matinee.days import end_of
from matinee.ledger import compactions
from matinee.ledger.pinned_sets import held, missing
from matinee.maintenance.cells import plan_compaction
from matinee.maintenance.leftovers import KEEP_LIVE, leftovers
from matinee.maintenance.retention import plan_expiry

EACH = timedelta(hours=1)
#: The nightly upkeep may fail once.
GRACE = timedelta(days=2)


def look(outlook: Outlook) -> Iterator[Signal]:
    """Yield what the upkeep has left behind."""
    yield from outlook.remembered(
        "upkeep", EACH, lambda: [*_not_expired(outlook), *_not_compacted(outlook), *_holding(outlook)]
    )


def _not_expired(outlook: Outlook) -> Iterator[Signal]:
    if not outlook.lake.registry.left_out:
        outlook.memory["not_expired"] = [*_overdue(outlook)]
    # While a contract cannot be used, which is a signal of its own, nothing expires: what was overdue before still is.
    yield from outlook.memory.get("not_expired", ())


def _overdue(outlook: Outlook) -> Iterator[Signal]:
    for contract in outlook.lake.registry.all():
        if not outlook.lake.exists(contract.dataset):
            continue
        overdue = plan_expiry(outlook.lake, contract.dataset, outlook.at - GRACE)
        if overdue.snapshot_ids:
            yield Signal(
                "upkeep",
                f"expiry of {contract.dataset}",
                Identity("not_run", "upkeep"),
                f"{len(overdue.snapshot_ids)} snapshots of {contract.dataset} are {GRACE.days} days past their expiry",
                "Open the last run of lake_maintenance_nightly, and clear what failed there.",
                value=GRACE.total_seconds(),
                dataset=contract.dataset,
            )


def _not_compacted(outlook: Outlook) -> Iterator[Signal]:
    """Yield datasets of which old days are worth a rewrite, and that nobody has compacted lately."""
    for contract in outlook.lake.registry.all():
        dataset, since = contract.dataset, outlook.at - GRACE
        if contract.day_column is None or not outlook.lake.exists(dataset):
            continue
        last = compactions.last_at(outlook.lake, dataset)
        if last is not None and last > since:
            continue
        days = {each.day for each in plan_compaction(outlook.lake, contract) if end_of(each.day) < since}
        if days:
            told = f"was last compacted at {last:%Y-%m-%d %H:%MZ}" if last else "was never compacted"
            yield Signal(
                "upkeep",
                f"compaction of {dataset}",
                Identity("not_run", "upkeep"),
                f"{len(days)} days of {dataset}, {min(days)} the first, are of many small files; it {told}",
                "Open the last run of lake_maintenance_nightly, and clear what failed there.",
                value=GRACE.total_seconds(),
                dataset=dataset,
            )


def _holding(outlook: Outlook) -> Iterator[Signal]:
    limit = KEEP_LIVE.total_seconds()
    for leftover in leftovers(outlook.lake):
        if leftover.since is not None and not leftover.refused:
            yield Signal(
                "upkeep",
                leftover.spark_name,
                Identity("holds_expiry", leftover.spark_name),
                f"{leftover.spark_name} holds the expiry of snapshots since {leftover.since:%Y-%m-%d %H:%MZ}",
                "`matinee doctor --clean` drops it, once no run is active.",
                since=leftover.since,
                limit=limit,
                dataset=leftover.dataset,
            )
    for pinned in held(outlook.lake):
        lacking = missing(outlook.lake, pinned)
        if lacking or pinned.ends <= outlook.at:
            what = f"lacks {', '.join(lacking)}" if lacking else f"should have ended {pinned.ends:%Y-%m-%d}"
            yield Signal(
                "upkeep",
                f"pinned set {pinned.pin_id}",
                Identity("holds_expiry", f"pinned set {pinned.pin_id}"),
                f"the pinned set {pinned.pin_id} of {pinned.holder} {what}",
                f"`matinee pins end {pinned.pin_id}` ends it; the nightly upkeep completes or ends it, too.",
                since=pinned.since if lacking else pinned.ends,
                limit=limit,
            )
