"""Deriving the days of a run: all at once, or cell by cell where every row comes from rows of its own bucket."""

from collections.abc import Iterator

from pyspark.sql import DataFrame

from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.cycle.inputs import input_slices, pinned_inputs
from matinee.cycle.plan import Plan
from matinee.cycle.tables import Tables, open_tables
from matinee.days import day_range
from matinee.lake.catalog import Lake
from matinee.lake.files import Cell, Slice, day_sizes
from matinee.lake.publication import Run
from matinee.transforms import TransformContext, transform_of


def derive(lake: Lake, planned: Plan) -> None:
    """Derive the days of a run from its pinned inputs and write them to its branch in one commit."""
    contract, run = planned.contract, planned.run
    slices = input_slices(contract, run).values()
    with open_tables(lake, slices, contract.dataset) as (_, tables):
        frames = _frames(lake.registry, tables, contract, run, _cells(lake, tables, contract, run))
        days = (run.first_day, run.last_day)
        tables.overwrite_days(frames, contract.dataset, planned.branch, *days, run.to_summary())


def own_cells(registry: Registry, contract: Contract, run: Run) -> list[Cell]:
    """Return the cells of a run's days, if each can be derived from the same bucket of every input; else none."""
    buckets = {contract.profile_buckets, *(registry.get(spec.dataset).profile_buckets for spec in contract.inputs)}
    count = buckets.pop()
    if count is None or buckets:
        return []
    return [Cell(day, bucket) for day in day_range(run.first_day, run.last_day) for bucket in range(count)]


def _cells(lake: Lake, tables: Tables, contract: Contract, run: Run) -> list[Cell]:
    cells = own_cells(lake.registry, contract, run) if tables.cell_rows is not None else []
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
