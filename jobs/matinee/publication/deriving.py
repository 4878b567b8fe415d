"""Deriving the days of a run: all at once, or cell by cell where every row comes from rows of its own bucket."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matinee.contracts.model import Contract
from matinee.contracts.registry import Registry
from matinee.days import day_range
from matinee.engine.tables.protocol import Tables, open_tables
from matinee.ledger.model import Run
from matinee.publication.inputs import few_buckets, input_slices, keeps_buckets, pinned_inputs, reads_own_buckets
from matinee.publication.plan import Plan
from matinee.publication.predecessor import PREVIOUS, Start
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import commit_nothing
from matinee.table.files import Cell, Slice, day_sizes
from matinee.transforms import TransformContext, transform_of
from matinee.transforms.deduplication import rows_that_decide


def derive(lake: Lake, planned: Plan) -> None:
    """Derive the days of a run from its pinned inputs and write them to its branch in one commit."""
    contract, run, lake = planned.contract, planned.run, lake.one_look()
    table = lake.table(contract.dataset)
    branch_head = refs.head(table, planned.branch)
    if run.buckets == ():
        # No row changes: the empty commit records that the days are up to date with these inputs, too.
        commit_nothing(lake.reloaded(), run.dataset, planned.branch, run.to_summary())
        return
    slices = [*input_slices(lake.registry, contract, run).values(), *(planned.start.slices if planned.start else ())]
    with open_tables(lake, slices, contract.dataset) as (_, tables):
        frames = _frames(lake.registry, tables, planned, _cells(lake, tables, contract, run))
        tables.overwrite(frames, planned.branch, run.written(branch_head), run.to_summary())


def own_cells(registry: Registry, contract: Contract, first: date, last: date) -> list[Cell]:
    """Return the cells of a range of days, if each can be derived from the same bucket of every input; else none."""
    by_cell = [contract.day_column, contract.cells.column] == [field.column for field in contract.partitions]
    if not (by_cell and keeps_buckets(registry, contract)):
        return []
    return [Cell(day, bucket) for day in day_range(first, last) for bucket in range(contract.cells.buckets)]


def _cells(lake: Lake, tables: Tables, contract: Contract, run: Run) -> list[Cell]:
    days = (run.first_day, run.last_day)
    alone = tables.cell_rows is not None and reads_own_buckets(lake.registry, contract, run.pins)
    cells = own_cells(lake.registry, contract, *days) if alone else []
    cells = [cell for cell in cells if run.buckets is None or cell.bucket in run.buckets]
    rows = sum(_rows(lake, wanted) for wanted in input_slices(lake.registry, contract, run).values()) if cells else 0
    return cells if rows >= (tables.cell_rows or 0) * len(cells) else []


def _rows(lake: Lake, wanted: Slice) -> int:
    day_column = lake.registry.get(wanted.dataset).day_column or ""
    days = {"first": wanted.first, "last": wanted.last}
    sizes = day_sizes(lake.table(wanted.dataset), day_column, snapshot_id=wanted.snapshot_id, **days)
    return sum(size.rows for size in sizes.values())


def _frames(
    registry: Registry, tables: Tables, planned: Plan, cells: list[Cell]
) -> Iterator[tuple[Cell | None, DataFrame]]:
    contract, run, start = planned.contract, planned.run, planned.start
    parts: list[Cell | None] = [*cells] or [None]
    for cell in parts:
        days = (run.first_day, run.last_day) if cell is None else (cell.day, cell.day)
        inputs = pinned_inputs(tables, registry, contract, run, cell)
        if few_buckets(contract, run):
            inputs = {name: rows_that_decide(rows, run.buckets or (), contract) for name, rows in inputs.items()}
        before = None
        if start is not None:
            inputs, before = inputs | _start_frames(tables, start, cell), start.previous.first
        derived = transform_of(contract)(inputs, TransformContext(contract, *days, run.as_of, tables.engine, before))
        # A run that reads landed rows has derived other buckets, too.
        of_run = F.col(contract.cells.column).isin(*run.buckets) if run.buckets is not None else None
        yield cell, derived if of_run is None else derived.where(of_run)


def _start_frames(tables: Tables, start: Start, cell: Cell | None) -> dict[str, DataFrame]:
    """Return the frames of what a run starts from, by the names that transforms know; of one cell its bucket alone."""
    frames = {PREVIOUS: _read(tables, [start.previous], cell)}
    for alias, difference in start.differences.items():
        frames[f"{alias}_gone"] = _read(tables, difference.gone, cell)
        frames[f"{alias}_came"] = _read(tables, difference.came, cell)
    return frames


def _read(tables: Tables, slices: Iterable[Slice], cell: Cell | None) -> DataFrame:
    in_cell = (each for each in slices if cell is None or each.buckets is None or cell.bucket in each.buckets)
    buckets = None if cell is None else (cell.bucket,)
    return reduce(
        DataFrame.unionByName,
        (tables.read(each if cell is None else replace(each, buckets=buckets)) for each in in_cell),
    )
