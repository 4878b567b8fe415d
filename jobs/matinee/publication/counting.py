"""Counting: rows in = published + quarantined + duplicates, from the tables' own metadata."""

from collections.abc import Iterable
from datetime import date

from matinee.contracts.model import Contract
from matinee.days import day_range
from matinee.errors import ConservationError
from matinee.ledger.model import Run
from matinee.report import Rows
from matinee.table.catalog import Lake
from matinee.table.files import day_sizes


def rows_by_day(lake: Lake, run: Run, snapshot_id: int) -> dict[date, Rows]:
    """Return the rows of each day of a run: read from its first input, written, and dropped as duplicates.

    Rows are conserved where the dataset has one row for each row of its first input: duplicates can only come from a
    landed input. An aggregate has no such equation: `in` and `out` are then counts and no more.

    Raises:
        ConservationError: rows were lost or invented.
    """
    contract = lake.registry.get(run.dataset)
    upstream = lake.registry.get(contract.inputs[0].dataset)
    pin = run.pin(upstream.dataset)
    read = day_sizes(
        lake.table(upstream.dataset),
        upstream.day_column or "",
        snapshot_id=pin.snapshot_id,
        first=run.first_day,
        last=run.last_day,
    )
    written = day_sizes(
        lake.table(run.dataset),
        contract.day_column or "",
        snapshot_id=snapshot_id,
        first=run.first_day,
        last=run.last_day,
    )
    return {
        day: _balance(contract, upstream, run, day, _rows(read.get(day)), _rows(written.get(day)))
        for day in day_range(run.first_day, run.last_day)
    }


def _rows(size: object) -> int:
    return int(getattr(size, "rows", 0))


def _balance(contract: Contract, upstream: Contract, run: Run, day: date, read: int, written: int) -> Rows:
    duplicate = 0
    if contract.key_columns == upstream.identity:
        duplicate = read - written
        if duplicate < 0 or (duplicate > 0 and upstream.transform is not None):
            raise ConservationError(
                f"{contract.dataset} {day} has {written} rows of the {read} it read from {upstream.dataset}.",
                next_step="Nothing was published. Look at the branch: "
                f'`matinee query "SELECT * FROM {contract.dataset}.branch_{run.branch}"`.',
                facts={"dataset": contract.dataset, "day": day, "rows_in": read, "rows_out": written},
            )
    return Rows.model_validate({"in": read, "out": written, "duplicate": duplicate})


def total(rows: Iterable[Rows]) -> Rows:
    """Return the sum of row counts."""
    counts = tuple(rows)
    return Rows.model_validate(
        {
            "in": sum(row.read for row in counts),
            "out": sum(row.out for row in counts),
            "quarantined": sum(row.quarantined for row in counts),
            "duplicate": sum(row.duplicate for row in counts),
        }
    )
