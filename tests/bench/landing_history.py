"""A lake in which files were landed for weeks: written in bulk, then kept by the product's upkeep."""

import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from matinee.landing.batches import BATCHES, PREPARED
from matinee.landing.ingest import ingest
from matinee.landing.landed_files import register, registered
from matinee.landing.model import QUARANTINE, Batch, Landing
from matinee.maintenance.retention import expire, plan_expiry
from matinee.settings import Settings
from matinee.table.catalog import Lake
from matinee.table.files import LANDING_SEQ
from matinee.table.landings import LANDINGS
from matinee.table.registers import append_rows, gather

DATASET = "raw.impressions"
#: The time between two batches; the last batch came just now.
EVERY = timedelta(minutes=5)


def build_history(settings: Settings, files: Sequence[Path], batches: int) -> None:
    """Fill a lake with so many batches: the first is landed from files, the others are copies of its traces.

    There are as many commits and register rows as landings would leave. The data files are those of the first batch
    alone, as if compaction had left few.
    """
    shutil.rmtree(settings.home, ignore_errors=True)
    ingest(settings, DATASET, files)
    lake, now = Lake.open(settings), datetime.now(UTC)
    first = registered(lake, DATASET)
    copies = [_copy(first, number, now - EVERY * (batches - number - 1)) for number in range(1, batches)]
    append_rows(
        lake, BATCHES, [Batch(batch[0].batch_id, DATASET, batch, (), ()).to_row(PREPARED, now) for batch in copies]
    )
    for dataset in (DATASET, QUARANTINE):
        _add_commits(lake, dataset, copies)
    register(lake, [landing for batch in copies for landing in batch])
    for dataset in (LANDINGS, BATCHES):
        gather(lake, dataset)
    for dataset in (DATASET, QUARANTINE, LANDINGS, BATCHES):
        expire(lake, plan_expiry(lake, dataset, now))


def _copy(landings: Sequence[Landing], number: int, landed: datetime) -> tuple[Landing, ...]:
    """Return the landings of another batch: of files of other names and bytes, with the next landing numbers."""
    batch_id = sha256(f"{number}".encode()).hexdigest()[:32]
    return tuple(
        replace(
            landing,
            file=landing.file.replace("impressions-", f"impressions-{number}-"),
            sha256=sha256(f"{number} {landing.sha256}".encode()).hexdigest(),
            received_ts=landed,
            landing_seq=landing.landing_seq + number * len(landings),
            snapshot_id=number,
            batch_id=batch_id,
        )
        for landing in landings
    )


def _add_commits(lake: Lake, dataset: str, batches: Sequence[Sequence[Landing]]) -> None:
    """Give `main` of a table a commit for each batch, all at once, with the files of its newest one."""
    table = lake.table(dataset)
    place = Path(table.metadata_location.removeprefix("file://"))
    metadata = json.loads(place.read_text())
    newest = next(
        snapshot for snapshot in metadata["snapshots"] if snapshot["snapshot-id"] == metadata["current-snapshot-id"]
    )
    for batch in batches:
        in_all, parent = Landing.in_all(batch), metadata["current-snapshot-id"]
        own = {"snapshot-id": in_all.snapshot_id, "parent-snapshot-id": parent}
        own["sequence-number"] = metadata["last-sequence-number"] + 1
        own["timestamp-ms"] = int(in_all.received_ts.timestamp() * 1000)
        number = in_all.landing_seq if dataset == DATASET else own["sequence-number"]
        summary = newest["summary"] | in_all.to_summary() | {LANDING_SEQ: str(number)}
        metadata["snapshots"].append(newest | own | {"summary": summary})
        metadata["snapshot-log"].append({"snapshot-id": own["snapshot-id"], "timestamp-ms": own["timestamp-ms"]})
        metadata["current-snapshot-id"] = metadata["refs"]["main"]["snapshot-id"] = own["snapshot-id"]
        metadata["last-sequence-number"], metadata["last-updated-ms"] = own["sequence-number"], own["timestamp-ms"]
    written = place.with_name("bulk.metadata.json")
    written.write_text(json.dumps(metadata))
    with closing(sqlite3.connect(lake.settings.home / "catalog.db")) as catalog, catalog:
        catalog.execute(
            "UPDATE iceberg_tables SET metadata_location = ? WHERE metadata_location = ?",
            (table.metadata_location.replace(place.name, written.name), table.metadata_location),
        )
