"""The register `ops.compactions`: what each compaction rearranged, the proof that no row changed, and how long it took.

A row is written before `main` moves, so every compaction that readers can see is proven. A row whose snapshot is not
in `main`'s ancestry is of a compaction that was repeated, or that died.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import PlainSerializer

from matinee.ledger.model import PUBLICATION_ID
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.registers import Register, read_rows, stamp

if TYPE_CHECKING:
    from pyiceberg.table import Table

COMPACTIONS = "ops.compactions"

#: How many of the last compactions tell the pace of the next.
RECENT = 20


def _by_bucket(cells: Mapping[int | None, tuple[int, str]]) -> str | None:
    by_bucket = dict(sorted((bucket, proof) for bucket, proof in cells.items() if bucket is not None))
    return json.dumps(by_bucket) if by_bucket else None


@dataclass(frozen=True)
class Compaction:
    """Cells of one day of a dataset that were rearranged.

    Attributes:
        cells: by bucket (None: the day has none) the rows and their order-free hash, equal before and after.
        snapshot_id: the snapshot that the compaction made.
        seconds: from the first look at the rows to the proof.
    """

    dataset: str
    day: date
    cells: Annotated[Mapping[int | None, tuple[int, str]], PlainSerializer(_by_bucket)]
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    seconds: float
    snapshot_id: int


@dataclass(frozen=True)
class _Row(Compaction):
    """A row of the register; hashes of cells add up to the hash of the slice."""

    rows: int
    row_hash: str
    recorded_ts: datetime


_REGISTER = Register(COMPACTIONS, _Row)


def record(lake: Lake, done: Compaction) -> None:
    """Append one row for a compaction."""
    rows, row_hash = (sum(int(proof[place]) for proof in done.cells.values()) for place in (0, 1))
    _REGISTER.append(lake, [_Row(**vars(done), rows=rows, row_hash=str(row_hash), recorded_ts=stamp())])


def proven(lake: Lake, table: "Table", snapshot_ids: Iterable[int]) -> set[int]:
    """Return the snapshots that only rearranged files: by operation, summary and the recorded equal hash."""
    asked = {snapshot_id for snapshot_id in snapshot_ids if _rearranged(table, snapshot_id)}
    if not asked or not lake.exists(COMPACTIONS):
        return set()
    recorded = lake.table(COMPACTIONS).scan(
        row_filter=f"dataset = '{'.'.join(table.name())}'", selected_fields=("snapshot_id",)
    )
    return asked & set(recorded.to_arrow()["snapshot_id"].to_pylist())


def _rearranged(table: "Table", snapshot_id: int) -> bool:
    from pyiceberg.table.snapshots import Operation

    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    replaced = snapshot is not None and refs.operation_of(snapshot) == Operation.REPLACE
    return replaced and PUBLICATION_ID not in refs.properties_of(snapshot)


def measured(lake: Lake, dataset: str) -> list[tuple[int, float]]:
    """Return bytes and seconds of the last compactions of a dataset; earlier versions of Matinee did not note them."""
    import pyarrow.compute as pc

    table = lake.table(COMPACTIONS) if lake.exists(COMPACTIONS) else None
    if table is None or "seconds" not in table.schema().column_names:
        return []
    wanted = ("recorded_ts", "bytes_before", "seconds")
    rows = table.scan(row_filter=f"dataset = '{dataset}'", selected_fields=wanted).to_arrow()
    newest = rows.take(pc.select_k_unstable(rows, RECENT, [("recorded_ts", "descending")])).to_pylist()
    return [(row["bytes_before"], row["seconds"]) for row in newest if row["seconds"] is not None]


def last_at(lake: Lake, dataset: str) -> datetime | None:
    """Return when a compaction of a dataset was last recorded; None where none was."""
    rows = read_rows(lake, COMPACTIONS, f"dataset = '{dataset}'", "recorded_ts")
    return max((row["recorded_ts"] for row in rows), default=None)
