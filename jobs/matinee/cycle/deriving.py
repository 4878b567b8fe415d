"""Deriving the days of a run: all at once, or cell by cell where every row comes from rows of its own bucket."""

from collections.abc import Iterator
from datetime import date

from pyspark.sql import DataFrame

from matinee.contracts.model import Contract, PartitionField
from matinee.contracts.registry import Registry
from matinee.cycle.inputs import input_slices, pinned_inputs
from matinee.cycle.plan import Plan
from matinee.cycle.tables import Tables, open_tables
from matinee.days import day_range
from matinee.lake.catalog import Lake
from matinee.lake.files import BUCKET_COLUMN, Cell, Slice, day_sizes
from matinee.lake.publication import Run
from matinee.transforms import BY_PROFILE, TransformContext, transform_of


def derive(lake: Lake, planned: Plan) -> None:
    """Derive the days of a run from its pinned inputs and write them to its branch in one commit."""
    contract, run = planned.contract, planned.run
    slices = input_slices(contract, run).values()
    with open_tables(lake, slices, contract.dataset) as (_, tables):
        frames = _frames(lake.registry, tables, contract, run, _cells(lake, tables, contract, run))
        days = (run.first_day, run.last_day)
        tables.overwrite_days(frames, contract.dataset, planned.branch, *days, run.to_summary())


def own_cells(registry: Registry, contract: Contract, first: date, last: date) -> list[Cell]:
    """Return the cells of a range of days, if each can be derived from the same bucket of every input; else none.

    A transform has to be known to stay within a profile: what ranks or shares across profiles would rank an eighth.
    """
    inputs = [registry.get(spec.dataset) for spec in contract.inputs]
    count = contract.profile_buckets
    by_cell = [contract.day_column, BUCKET_COLUMN] == [field.column for field in contract.partitions]
    alike = all(one.profile_buckets == count and bucketed(one) for one in inputs)
    if count is None or contract.transform not in BY_PROFILE or not (by_cell and bucketed(contract) and alike):
        return []
    return [Cell(day, bucket) for day in day_range(first, last) for bucket in range(count)]


def bucketed(contract: Contract) -> bool:
    """Whether each data file of the dataset holds rows of one bucket."""
    return any(field == PartitionField(BUCKET_COLUMN, "identity") for field in contract.partitions)


def _cells(lake: Lake, tables: Tables, contract: Contract, run: Run) -> list[Cell]:
    days = (run.first_day, run.last_day)
    cells = own_cells(lake.registry, contract, *days) if tables.cell_rows is not None else []
    rows = sum(_rows(lake, one) for one in input_slices(contract, run).values()) if cells else 0
    return cells if rows >= (tables.cell_rows or 0) * len(cells) else []


def _rows(lake: Lake, one: Slice) -> int:
    day_column = lake.registry.get(one.dataset).day_column or ""
    days = {"first": one.first, "last": one.last}
    sizes = day_sizes(lake.table(one.dataset), day_column, snapshot_id=one.snapshot_id, **days)
    return sum(size.rows for size in sizes.values())


def _frames(
    registry: Registry, tables: Tables, contract: Contract, run: Run, cells: list[Cell]
) -> Iterator[tuple[Cell | None, DataFrame]]:
    parts: list[Cell | None] = [*cells] or [None]
    for cell in parts:
        days = (run.first_day, run.last_day) if cell is None else (cell.day, cell.day)
        inputs = pinned_inputs(tables, registry, contract, run, cell)
        yield cell, transform_of(contract)(inputs, TransformContext(contract, *days, run.as_of))
