"""The inputs of a run: pinned snapshots, cut to the days that are read; the same for deriving and judging."""

from pyspark.sql import DataFrame

from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.cycle.tables import Tables
from matinee.lake.files import Cell, Slice
from matinee.lake.publication import Run


def input_slices(contract: Contract, run: Run, cell: Cell | None = None) -> dict[str, Slice]:
    """Return what a run reads, by alias: for all of its days, or for one cell of them."""
    first, last = (run.first_day, run.last_day) if cell is None else (cell.day, cell.day)
    return {
        spec.alias: Slice(
            spec.dataset,
            run.pin(spec.dataset).snapshot_id,
            *contract.input_days(spec, first, last),
            bucket=None if cell is None else cell.bucket,
        )
        for spec in contract.inputs
    }


def pinned_inputs(
    tables: Tables, registry: Registry, contract: Contract, run: Run, cell: Cell | None = None
) -> dict[str, DataFrame]:
    """Return the inputs by alias; of an optional one only the days that were valid when it was pinned."""
    frames = {alias: tables.read(wanted) for alias, wanted in input_slices(contract, run, cell).items()}
    for spec in contract.inputs:
        if spec.optional:
            day = frames[spec.alias][registry.get(spec.dataset).day_column or ""]
            frames[spec.alias] = frames[spec.alias].where(day.isin(sorted(run.pin(spec.dataset).days)))
    return frames
