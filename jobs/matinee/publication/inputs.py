"""The inputs of a run: pinned snapshots, cut to the days that are read; the same for deriving and judging."""

from collections.abc import Iterable
from datetime import timedelta

from pyspark.sql import DataFrame

from matinee.contracts.model import DEDUPLICATE, Contract
from matinee.contracts.registry import Registry
from matinee.engine.tables.protocol import Tables
from matinee.ledger.model import InputPin, Run
from matinee.table.files import Cell, Slice
from matinee.transforms import is_by_profile
from matinee.transforms.deduplication import bucket_of

#: How far before the days of a run its audits look.
HISTORY = timedelta(days=28)


def keeps_buckets(registry: Registry, contract: Contract) -> bool:
    """Whether every row of a bucket comes from rows of the same bucket of each input.

    The transform has to be known to work within a profile: a rank across profiles would rank one bucket's rows only.
    """
    inputs = [registry.get(spec.dataset) for spec in contract.inputs]
    alike = all(upstream.cells == contract.cells and upstream.bucketed for upstream in inputs)
    return is_by_profile(contract) and contract.bucketed and alike


def keeps_ids(contract: Contract) -> bool:
    """Whether a dataset has the landed rows without repeats, in buckets; the landed rows are in no buckets."""
    return contract.transform == DEDUPLICATE and contract.bucketed


def reads_own_buckets(registry: Registry, contract: Contract, pins: Iterable[InputPin]) -> bool:
    """Whether the read days of inputs in buckets are in as many buckets as the derived days."""
    numbers = {pin.buckets for pin in pins if registry.get(pin.dataset).bucketed}
    return numbers <= {contract.cells.buckets}


def few_buckets(contract: Contract, run: Run) -> bool:
    """Whether a run derives so few buckets that selecting their landed rows costs less than deriving all buckets."""
    return keeps_ids(contract) and run.buckets is not None and 2 * len(run.buckets) < contract.cells.buckets


def input_slices(registry: Registry, contract: Contract, run: Run, cell: Cell | None = None) -> dict[str, Slice]:
    """Return the slices that a run reads, by alias: for all of its days and buckets, or for one of its cells."""
    first, last = (run.first_day, run.last_day) if cell is None else (cell.day, cell.day)
    buckets = run.buckets if cell is None else (cell.bucket,)
    return {
        spec.alias: Slice(
            spec.dataset,
            run.pin(spec.dataset).snapshot_id,
            *contract.input_days(spec, first, last),
            buckets=buckets if registry.get(spec.dataset).bucketed else None,
        )
        for spec in contract.inputs
    }


def pinned_inputs(
    tables: Tables, registry: Registry, contract: Contract, run: Run, cell: Cell | None = None
) -> dict[str, DataFrame]:
    """Return the inputs by alias; of an optional input, and of one that is not daily, only the days that were pinned.

    Rows of days in another number of buckets are assigned to the buckets of the derived dataset.
    """
    frames = {alias: tables.read(wanted) for alias, wanted in input_slices(registry, contract, run, cell).items()}
    for spec in contract.inputs:
        cells, own = registry.get(spec.dataset).cells, contract.cells
        alike = bool(own.column) and (cells.column, cells.of) == (own.column, own.of)
        if alike and run.pin(spec.dataset).buckets != own.buckets:
            frames[spec.alias] = frames[spec.alias].withColumn(own.column, bucket_of(own.of, own.buckets))
        if spec.optional or registry.get(spec.dataset).cadence.step > 1:
            day = frames[spec.alias][registry.get(spec.dataset).day_column or ""]
            frames[spec.alias] = frames[spec.alias].where(day.isin(sorted(run.pin(spec.dataset).days)))
    return frames
