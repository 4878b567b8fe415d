"""Which cells of a table are worth a rewrite now, and which of them nobody else is at work on; no engine is needed."""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from matinee.contracts.model import Contract
from matinee.ledger import compactions
from matinee.ledger.open_branches import open_work
from matinee.maintenance.slices import CellFiles, PlannedSlice, StoredFile, cells_of, plan_slices, slice_bytes
from matinee.table import names, refs
from matinee.table.catalog import Lake
from matinee.table.files import data_files, file_bucket, file_day

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

#: From how many of the last commits of others the usual gap between them is taken.
RECENT_COMMITS = 20


def plan_compaction(lake: Lake, contract: Contract) -> list[PlannedSlice]:
    """Return the slices of a dataset kept by day that are worth a rewrite now, best first."""
    limit = slice_bytes(_commits_of_others(lake, contract.dataset), compactions.measured(lake, contract.dataset))
    return plan_slices(free_cells(lake, contract), limit)


def _commits_of_others(lake: Lake, dataset: str) -> list[int]:
    from pyiceberg.table.snapshots import Operation

    table = lake.table(dataset)
    # Snapshots that main passed in one move count as one commit: a step of the stream appends and updates, then moves.
    moved = {entry.snapshot_id for entry in table.metadata.snapshot_log}
    others = [
        snapshot
        for snapshot in refs.line(table)
        if refs.operation_of(snapshot) not in {None, Operation.REPLACE} and snapshot.snapshot_id in moved
    ]
    return [snapshot.timestamp_ms for snapshot in others[:RECENT_COMMITS]]


def free_cells(lake: Lake, contract: Contract, day: date | None = None) -> list[CellFiles]:
    """Return the cells of `main` (of one day, or of all) that no open branch changes.

    Branches of other compactions do not count: they keep all rows, and `main` moves for only one of them.
    """
    table, column = lake.table(contract.dataset), contract.day_column or ""
    others = [work for work in open_work(lake, contract.dataset) if not work.branch.startswith(names.COMPACT)]
    main = refs.head(table)
    files = data_files(table, column, snapshot_id=main, first=day, last=day)
    cells = _cells(table, contract, files)
    return [cell for cell in cells if not any(work.touches(cell.day, cell.bucket) for work in others)]


def _cells(table: "Table", contract: Contract, files: "Iterable[DataFile]") -> list[CellFiles]:
    from pyiceberg.table import TableProperties

    default = TableProperties.WRITE_TARGET_FILE_SIZE_BYTES_DEFAULT
    target = int(table.properties.get(TableProperties.WRITE_TARGET_FILE_SIZE_BYTES, default))
    stored = (
        StoredFile(
            day=file_day(table, file, contract.day_column or ""),
            bucket=file_bucket(table, file),
            partition=tuple(file.partition[position] for position in range(len(file.partition))),
            bytes=file.file_size_in_bytes,
        )
        for file in files
    )
    return cells_of(stored, target)
