"""Late rows: a lake with a published day, after which events of one bucket's profiles landed, built once."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

from matinee.contracts.registry import Registry
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import default_sql_dir
from matinee.sources.simulator import columns
from matinee.sources.simulator.columns import DAY, HOUR, Array, Frame
from matinee.sources.simulator.visits import SHARED_PROFILE
from matinee.table.catalog import Lake
from matinee.table.files import LANDING_SEQ
from tests.bench.events import SEED, DayEvents, Skew, profile_buckets, simulate_day
from tests.bench.inputs import CHAIN, FORMAT, SQL, Input, keep_catalog, load_input
from tests.support.lakes import close_days

BUCKETS = 64
#: Of the events of the bucket's profiles, those that land after the day was published.
LATE_SHARE = 0.01
LANDED_ROWS = 2**20
_LATE_LANDING = 1_000
_RAW = (("raw.impressions", "event_ts"), ("raw.plays", "start_ts"))


def build_late_input(folder: Path, rows: int, skew: Skew) -> Input:
    """Build a lake in a folder, whatever is there: a day published by Sail, then late rows of both raw tables.

    The late events are those of the shared profile's bucket, also where that profile has no more events than others.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with_buckets(folder / SQL, BUCKETS)
    events = simulate_day(rows, skew)
    unread = Input(folder, events.options.first_day, {}, {})
    settings = unread.settings("sail")
    lake = Lake.open(settings)
    late = {dataset: _land_on_time(lake, events, dataset, time) for dataset, time in _RAW}
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, unread.day, unread.day))
    for dataset, landed in late.items():
        _land(lake, dataset, landed, _LATE_LANDING)
        unread.rows[f"late {dataset}"] = len(landed)
    for dataset, _ in _RAW:
        unread.rows[dataset] = sum(task.file.record_count for task in lake.table(dataset).scan().plan_files())
    keep_catalog(folder)
    document = {
        "folder": folder.name,
        "day": unread.day.isoformat(),
        "rows": unread.rows,
        "files": {},
        "format": FORMAT,
    }
    (folder / "complete.json").write_text(json.dumps(document, indent=2) + "\n")
    return load_input(folder)


def with_buckets(folder: Path, buckets: int) -> None:
    """Copy the datasets' folder, with another number of profile buckets in every contract that has one."""
    shipped = default_sql_dir()
    (now,) = _buckets(shipped)
    shutil.copytree(shipped, folder)
    for path in folder.glob("*/*/contract.odcs.yaml"):
        text = path.read_text()
        for before, after in (
            (rf"(AS INT\) % ){now}\b", buckets),
            (rf"(minimum: 0\n +maximum: ){now - 1}\b", buckets - 1),
            (rf"(\bbuckets: ){now}\b", buckets),
        ):
            text = re.sub(before, rf"\g<1>{after}", text)
        path.write_text(text)
    assert _buckets(folder) == {buckets}


def _buckets(folder: Path) -> set[int]:
    return {contract.cells.buckets for contract in Registry.load(folder).all() if contract.cells.column}


def _land_on_time(lake: Lake, events: DayEvents, dataset: str, time: str) -> pa.Table:
    """Land the rows on time, a landing for each LANDED_ROWS rows in their order of arrival; return the late rows."""
    frame = events.impressions if time == "event_ts" else events.plays
    is_late = late_events(frame)
    order = np.argsort(frame["received_ts"].values, kind="stable")
    on_time = order[~is_late[order]]
    for number, places in enumerate(np.array_split(on_time, max(1, len(on_time) // LANDED_ROWS)), start=1):
        _land(lake, dataset, _raw_table(columns.take(frame, places), time), number)
    close_days(lake, dataset, {events.options.first_day: len(order)})
    late = columns.take(frame, np.flatnonzero(is_late))
    received = late["received_ts"]
    # Devices that were offline: on the next morning, when the day is published.
    late["received_ts"] = received.with_values(received.values // DAY * DAY + DAY + 6 * HOUR + received.values % HOUR)
    return _raw_table(late, time)


def late_events(frame: Frame) -> Array:
    """Return which events are late: bool of shape (n,)."""
    profile = frame["profile_id"]
    bucket = profile_buckets(profile.words, BUCKETS)
    own = np.flatnonzero(bucket[profile.values] == bucket[SHARED_PROFILE])
    chosen = np.random.default_rng(SEED).choice(own, max(1, round(LATE_SHARE * len(own))), replace=False)
    late = np.zeros(len(profile.values), dtype=bool)
    late[chosen] = True
    return late


def _raw_table(frame: Frame, time: str) -> pa.Table:
    day = pa.array((frame[time].values // DAY).astype(np.int32)).cast(pa.date32())
    return columns.to_arrow(frame).append_column("event_day", day)


def _land(lake: Lake, dataset: str, rows: pa.Table, number: int) -> None:
    table = lake.ensure(dataset)
    landed = rows.append_column("landing_seq", pa.array(np.full(len(rows), number))).append_column(
        "file", pa.array([f"{dataset}-{number}.parquet"] * len(rows))
    )
    schema = table.schema().as_arrow()
    table.append(landed.select(schema.names).cast(schema), snapshot_properties={LANDING_SEQ: str(number)})
