"""Upgrade: a lake of an older format is brought to the current format.

The steps are planned from the state of the tables, so the next upgrade finishes an upgrade that was killed. The number
of the format is written last: until then the lake is of the older format, and only an upgrade changes it. An upgrade is
refused while a lease is held; its caller makes sure that nothing else is at work.

From format 1 to 2: branches `lease_…` of leases that are over are removed, as leases are kept beside the catalog now,
and the tables follow their contracts, so that registers have the new columns. Everything else that versions of format 1
have left is read as it is: withdrawals that stand in the ledger only, publications without stamps, landings that were
cut off without a tag. From format 2 to 3 only the number changes: versions of format 2 cannot read what runs record
now.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from matinee import faults
from matinee.contracts import evolve
from matinee.errors import CommitConflictError, LeaseHeldError
from matinee.table import lake_format, names, refs
from matinee.table.catalog import Lake, summary_of
from matinee.table.lake_format import CURRENT
from matinee.table.leases import lease
from matinee.table.leases.lease_store import store_of
from matinee.table.location import refuse_foreign
from matinee.table.registers import stamp

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class Step:
    """One step of an upgrade: the dataset, and what is done to it."""

    dataset: str
    step: str


def upgrade(lake: Lake) -> list[Step]:
    """Bring the lake to the current format; return the steps that were done, none where the lake has that format.

    Raises:
        LeaseHeldError: a process of any version is at work.
        ContractError: a table cannot follow its contract.
        ForeignTableError: a table lies outside the warehouse.
        CommitConflictError: another process changes the lake meanwhile.
    """
    steps = plan(lake)
    if not steps:
        return []
    with lake_format.upgrading(lake.catalog):
        for table in _tables(lake):
            for branch, snapshot_id in _lease_branches(table).items():
                with suppress(CommitConflictError):  # Another upgrade has removed it.
                    refs.remove(table, branch, expected=snapshot_id)
                faults.reach("upgrade.after_lease")
        for table in _tables(lake):
            evolve.apply(lake.registry.get(_name(table)), table)
            faults.reach("upgrade.after_table")
        lake_format.record(lake, CURRENT)
    return steps


def plan(lake: Lake) -> list[Step]:
    """Return the steps that bring the lake to the current format, in order; nothing is changed.

    Raises:
        LeaseHeldError: a process of any version is at work.
        ContractError: a table cannot follow its contract.
        ForeignTableError: a table lies outside the warehouse.
    """
    lake.registry.require_all("The lake is not upgraded, as not all of its tables are known")
    before = lake_format.number(lake)
    if before is None or before >= CURRENT:
        return []
    tables = list(_tables(lake))
    for table in tables:
        refuse_foreign(table)
    _refuse_held(lake, tables)
    leases = [Step(_name(table), f"remove branch {branch}") for table in tables for branch in _lease_branches(table)]
    changes = [
        Step(_name(table), str(change))
        for table in tables
        for change in evolve.plan(lake.registry.get(_name(table)), table)
    ]
    return [*leases, *changes, Step(lake_format.LAKE, f"format {before} -> {CURRENT}")]


def _refuse_held(lake: Lake, tables: list["Table"]) -> None:
    held = {name: (entry.holder, entry.until) for name, entry in store_of(lake).entries().items() if entry.holder}
    for table in tables:
        for branch, snapshot_id in _lease_branches(table).items():
            summary = summary_of(table, snapshot_id)
            until = datetime.fromisoformat(summary[lease.UNTIL])
            held[f"{_name(table)}/{branch.removeprefix(names.LEASE)}"] = (summary[lease.HOLDER], until)
    now = stamp()
    for name, (holder, until) in sorted(held.items()):
        if until > now:
            raise LeaseHeldError(
                f"'{name}' is held by {holder} until {until:%Y-%m-%d %H:%M:%SZ}: the lake is not upgraded.",
                next_step="Stop that process; one that died holds the lease until then. Then upgrade again.",
                facts={"lease": name, "holder": holder, "until": until},
            )


def _tables(lake: Lake) -> Iterator["Table"]:
    """Yield the tables that have a contract, each as it is now."""
    for contract in lake.registry.all():
        if contract.dataset != lake_format.LAKE and lake.exists(contract.dataset):
            yield lake.table(contract.dataset)


def _lease_branches(table: "Table") -> dict[str, int]:
    return {name: ref.snapshot_id for name, ref in table.metadata.refs.items() if name.startswith(names.LEASE)}


def _name(table: "Table") -> str:
    return ".".join(table.name())
