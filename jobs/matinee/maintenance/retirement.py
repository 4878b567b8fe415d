"""Retirement: a dataset that nobody reads is dropped, with its live table, and no other dataset gets its name.

The register `ops.retirements` has a row before the first table is dropped, so a retirement that was cut off is known,
and the next call completes it. Rows of other registers stay: they are the history of the dataset.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from matinee import faults
from matinee.contracts.followers import together
from matinee.contracts.model import Contract, live_name
from matinee.errors import StillReadError, UsageError
from matinee.landing import batches
from matinee.landing.model import QUARANTINE
from matinee.ledger import pins
from matinee.ledger.open_branches import open_work
from matinee.ledger.pinned_sets import held
from matinee.table import names
from matinee.table.catalog import Lake, catalog_errors
from matinee.table.catalogs.retired import BEGUN, DONE, RETIREMENTS, Retirement, retirements
from matinee.table.lake_format import refuse_older
from matinee.table.leases.holders import hold_patiently
from matinee.table.location import refuse_foreign
from matinee.table.registers import Register, stamp


@dataclass(frozen=True)
class Reader:
    """Somebody who reads a dataset, or is at work on it, and the next step that ends this."""

    who: str
    next_step: str


@dataclass(frozen=True)
class Retired:
    """What a call did: `tables` are the tables that it dropped; empty where the dataset was retired before."""

    dataset: str
    tables: tuple[str, ...]
    since: datetime


_REGISTER = Register(RETIREMENTS, Retirement)


def readers(lake: Lake, dataset: str, now: datetime) -> list[Reader]:
    """Return who reads a dataset or its live table, or is at work on them; a dataset without any can be retired.

    Args:
        lake: the lake.
        dataset: landed or derived.
        now: pins of runs that end before this time do not count.

    Raises:
        UsageError: a register or a live table is not retired by itself.
        UnknownDatasetError: no contract declares it.
    """
    contract = _retirable(lake, dataset)
    lake.registry.require_all(f"Nobody knows who reads {dataset}")
    current_readers = [*_contracts(lake, dataset), *_followed(lake, contract), *_sets(lake, dataset)]
    for name in filter(lake.exists, _tables(contract)):
        current_readers += [*_runs(lake, name, now), *_branches(lake, name)]
    return [*current_readers, *_landings(lake, contract)]


def retire(lake: Lake, dataset: str, why: str, holder: str) -> Retired:
    """Drop the table of a dataset and its live table, with their files, and record that the dataset was retired.

    A second call changes nothing; after a call that was cut off, it completes the retirement.

    Args:
        lake: the lake.
        dataset: landed or derived; its contract is still declared.
        why: the reason, for the register.
        holder: who retires it.

    Raises:
        StillReadError: it has readers; nothing was changed.
        UsageError, UnknownDatasetError: as `readers`.
        MissingTableError: it has no table.
        LeaseHeldError: files are landed for it now.
        ForeignTableError: its table lies outside the warehouse.
    """
    refuse_older(lake.catalog)
    contract = _retirable(lake, dataset)
    landing = contract.is_landed
    with hold_patiently(lake, dataset, batches.LEASE, timedelta(0)) if landing else nullcontext():
        known = retirements(lake)
        if dataset in known and known[dataset].is_done:
            return Retired(dataset, (), known[dataset].recorded_ts)
        _refuse_read(lake, dataset)
        begun = [known[name] for name in _tables(contract) if name in known] or _begin(lake, contract, why, holder)
        faults.reach("retire.after_record")
        _refuse_read(lake, dataset)  # A reader may have come between the look and the record.
        for retirement in begun:
            _drop(lake, retirement)
        faults.reach("retire.after_files")
        done = [replace(retirement, state=DONE, recorded_ts=stamp()) for retirement in begun]
        _REGISTER.append(lake, done)
    return Retired(dataset, tuple(retirement.dataset for retirement in begun), done[0].recorded_ts)


def _retirable(lake: Lake, dataset: str) -> Contract:
    contract = lake.registry.get(dataset)
    if contract.kind in {"register", "live"}:
        then = (
            "Retire the dataset that it belongs to."
            if contract.is_live
            else "Leave it: the lake keeps its books there."
        )
        raise UsageError(
            f"{dataset} is a {contract.kind} table: it is not retired by itself.",
            next_step=then,
            facts={"dataset": dataset, "kind": contract.kind},
        )
    return contract


def _tables(contract: Contract) -> list[str]:
    # The live table goes first: it has no days of its own.
    return [*([live_name(contract.dataset)] if contract.has_live else []), contract.dataset]


def _refuse_read(lake: Lake, dataset: str) -> None:
    current_readers = readers(lake, dataset, stamp())
    if current_readers:
        raise StillReadError(
            f"{dataset} is not retired: {'; '.join(reader.who for reader in current_readers)}.",
            next_step=current_readers[0].next_step,
            facts={"dataset": dataset, "readers": [reader.who for reader in current_readers]},
        )


def _begin(lake: Lake, contract: Contract, why: str, holder: str) -> list[Retirement]:
    """Record which tables are dropped; if this call is cut off, the next call drops them."""
    tables = {name: lake.table(name) for name in _tables(contract) if name == contract.dataset or lake.exists(name)}
    for table in tables.values():
        refuse_foreign(table)
    now = stamp()
    begun = [Retirement(name, BEGUN, table.location(), why, holder, now) for name, table in tables.items()]
    _REGISTER.append(lake, begun)
    return begun


def _drop(lake: Lake, retirement: Retirement) -> None:
    """Drop a table and its files, except those that an earlier call, which was cut off, has dropped."""
    from pyarrow.fs import FileType

    from matinee.table.file_io import filesystem_of

    files, path = filesystem_of(retirement.location, lake.catalog.properties)
    with catalog_errors():
        if lake.exists(retirement.dataset):
            lake.catalog.drop_table(retirement.dataset)
        faults.reach("retire.after_table")
        if files.get_file_info(path).type != FileType.NotFound:
            files.delete_dir(path)


def _contracts(lake: Lake, dataset: str) -> Iterator[Reader]:
    gone = retirements(lake)
    for reader in lake.registry.all():
        was = gone.get(reader.dataset)
        if any(spec.dataset == dataset for spec in reader.inputs) and not (was and was.is_done):
            then = f"Retire {reader.dataset} first, or take {dataset} from the inputs of its contract."
            yield Reader(f"the contract of {reader.dataset} reads it", then)


def _followed(lake: Lake, contract: Contract) -> Iterator[Reader]:
    """Yield the datasets whose live tables are updated together with that of a dataset: they would not be any more."""
    if not contract.has_live:
        return
    gone = retirements(lake)
    for other in together(lake.registry, contract.dataset):
        if other not in gone:
            then = f"Pause the stream, take `live` out of the contract of {other}, retire, then resume the stream."
            yield Reader(f"the live table of {other} is updated together with its own", then)


def _sets(lake: Lake, dataset: str) -> Iterator[Reader]:
    for pinned_set in held(lake):
        if dataset in pinned_set.snapshots:
            who = (
                f"the pinned set {pinned_set.pin_id} of {pinned_set.holder} ({pinned_set.why}) "
                f"holds it until {pinned_set.until}"
            )
            yield Reader(who, f"`matinee pins end {pinned_set.pin_id}`, if it is needed no more.")


def _runs(lake: Lake, dataset: str, now: datetime) -> Iterator[Reader]:
    table = lake.table(dataset)
    ended = pins.ended(table, now)
    for name in sorted(table.metadata.refs):
        if name.startswith(names.PIN) and name not in ended:
            run = name.removeprefix(names.PIN)
            yield Reader(f"the run {run} reads it", "Wait for its end; `matinee doctor --clean` drops what died.")


def _branches(lake: Lake, dataset: str) -> Iterator[Reader]:
    for work in open_work(lake, dataset):
        then = "Wait for its end; `matinee doctor --clean` drops what died."
        yield Reader(f"the branch {work.branch} of {dataset} is at work", then)


def _landings(lake: Lake, contract: Contract) -> Iterator[Reader]:
    if not contract.is_landed:
        return
    then = "Land its files again, or wait for the nightly upkeep: both settle what was cut off."
    for batch in batches.prepared(lake, contract.dataset):
        yield Reader(f"the batch {batch.batch_id} is prepared and has not landed", then)
    for landing in batches.unfinished(lake) if lake.exists(QUARANTINE) else ():
        if landing.dataset == contract.dataset:
            yield Reader(f"the landing of {landing.file} was cut off", then)
