"""Rows of `matinee doctor`, and the rows on pinned sets, on days dropped by `keep`, and on retired datasets."""

from collections.abc import Iterator
from datetime import datetime

from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.ledger.dropping import begin_of, drops
from matinee.ledger.pinned_sets import held, missing
from matinee.maintenance.drops import plan_drop
from matinee.table.catalog import Lake
from matinee.table.catalogs.retired import retirements


def finding(
    check: str,
    state: str,
    detail: str,
    then: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, object]:
    """Return a row: the check, its state and detail, since when and until when it holds, and the next step."""
    times = (moment.isoformat(timespec="seconds") if moment else None for moment in (since, until))
    named = dict(zip(("since", "until"), times, strict=True))
    return {"check": check, "state": state, "detail": detail, **named, "next": then}


def left_out(registry: Registry) -> Iterator[dict[str, object]]:
    """Name the contracts that cannot be used, and the datasets that are left out for them."""
    for dataset, error in registry.left_out.items():
        if "depends_on" not in error.facts:
            also = [name for name, of in registry.left_out.items() if dataset in str(of.facts.get("depends_on"))]
            words = f" So {', '.join(also)} cannot be made." if also else ""
            yield finding("contracts", "failed", f"{error.message}{words}", error.next_step)


def pinned(lake: Lake, now: datetime) -> Iterator[dict[str, object]]:
    """Say what is pinned, by whom, why and until when; a warning where a set is not whole, or its time is over."""
    for pinned_set in held(lake):
        lacking, is_over = missing(lake, pinned_set), pinned_set.ends <= now
        detail = (
            f"{pinned_set.pin_id}: {', '.join(pinned_set.snapshots)} held by {pinned_set.holder} ({pinned_set.why})"
        )
        then = f"`matinee pins end {pinned_set.pin_id}` ends it sooner"
        if lacking:
            detail, then = f"{detail}; not yet {', '.join(lacking)}", "the next `matinee pin` or upkeep completes it"
        elif is_over:
            then = "the nightly upkeep ends it"
        yield finding(
            "pins", "warning" if lacking or is_over else "ok", detail, then, pinned_set.since, pinned_set.ends
        )


def retired(lake: Lake) -> Iterator[dict[str, object]]:
    """Say which retired datasets still have a contract, and which retirements are not finished."""
    for retirement in retirements(lake).values():
        contract = lake.registry.contracts.get(retirement.dataset)
        if contract is None or contract.is_live:
            continue
        detail = f"{retirement.dataset} was retired by {retirement.holder} ({retirement.why})"
        if retirement.is_done:
            yield finding("retired", "open", detail, f"remove {contract.folder} and its DAG", retirement.recorded_ts)
        else:
            then = f"`matinee dataset retire {retirement.dataset} --reason …` finishes it"
            yield finding("retired", "warning", f"{detail}, and not to the end", then, retirement.recorded_ts)


def kept(lake: Lake, now: datetime) -> Iterator[dict[str, object]]:
    """Say of each dataset with `keep` which days were dropped, which days could not be dropped, and why."""
    for contract in lake.registry.all():
        if contract.keep is not None and lake.exists(contract.dataset):
            yield from _kept(lake, contract, contract.keep.days, now)


def _kept(lake: Lake, contract: Contract, days: int, now: datetime) -> Iterator[dict[str, object]]:
    name, table = contract.dataset, lake.table(contract.dataset)
    begin, last, planned = begin_of(table), next(drops(table), None), plan_drop(lake, contract.dataset, now)
    words = f"days before {begin} were dropped" if begin else "none was dropped yet"
    taken = f"; the last drop took {last.rows} rows" if last else ""
    tonight = f"the next upkeep drops {planned.days} days" if planned and planned.days else None
    if tonight and lake.registry.left_out:
        tonight = f"{tonight}, once every contract can be used"
    yield finding("keep", "ok", f"{name} keeps {days} days: {words}{taken}", tonight, last.at if last else None)
    if planned is None or not planned.kept:
        return
    for need in planned.needed:
        detail = f"{name}: days from {need.first} on, before {planned.first}, are not dropped: {need.who} needs them"
        yield finding("keep", "open", detail, need.next_step, until=need.until)
