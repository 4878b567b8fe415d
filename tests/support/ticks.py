"""Ticks of a stream on a simulated clock, without an engine: the rows come from here, all else is the product's.

Leases, landings with their quarantine, swaps of the live tables, records and upkeep are real. PyIceberg writes what
Spark would write: new rows, and the files of a compaction.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from unittest.mock import patch

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, _dataframe_to_data_files
from pyiceberg.table import FileScanTask, Table, snapshots
from pyiceberg.table.snapshots import Operation, Summary

from matinee.contracts.model import Contract, live_name
from matinee.landing import landed_files
from matinee.landing.batches import landing
from matinee.landing.model import QUARANTINE, Landing
from matinee.landing.offsets import landed_through
from matinee.live import upkeep
from matinee.live.impressions import ATTRIBUTIONS, OUTCOMES, SOURCES
from matinee.live.lease import streaming
from matinee.live.progress import Progress, progress
from matinee.live.register import Tick, paused, record
from matinee.settings import Settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.commits import transaction
from matinee.table.files import Slice, landing_seq, slice_files
from matinee.table.leases.lease import Lease
from matinee.table.swap import swapped
from tests.support.lakes import arrow, raw_impression, raw_play

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = 20
_STAMPED = (
    "table.leases.lease",
    "table.registers",
    "live.register",
    "landing.batches",
    "ledger.compactions",
    "ledger.pins",
)


class Clock:
    """A clock that stands until it is set forward: of leases, records and snapshots."""

    def __init__(self, now: datetime = BEGIN) -> None:
        self.now = now

    def stamp(self) -> datetime:
        """Return its time."""
        return self.now

    def _time(self) -> float:
        return self.now.timestamp()

    @contextmanager
    def ruling(self) -> Iterator[None]:
        """Have the product and PyIceberg read this clock for a block."""
        of_snapshots = SimpleNamespace(time=self._time, sleep=time.sleep)
        with ExitStack() as patches:
            for module in _STAMPED:
                patches.enter_context(patch(f"matinee.{module}.stamp", self.stamp))
            patches.enter_context(patch.object(snapshots, "time", of_snapshots))
            of_metadata = SimpleNamespace(now=self.stamp)
            patches.enter_context(patch("pyiceberg.table.update.datetime", of_metadata))
            yield


@contextmanager
def without_engine() -> Iterator[None]:
    """Have PyIceberg do what Spark does in a compaction, for a block."""
    places = {"spark_session": lambda _: nullcontext(), "CatalogTables": _Tables, "row_hashes": _row_hashes}
    with ExitStack() as patches:
        for name, ours in (places | {"rewrite_slice": _rewrite_slice}).items():
            patches.enter_context(patch(f"matinee.maintenance.compaction.{name}", ours))
        yield


def tick(lake: Lake, clock: Clock) -> None:
    """Do one tick at the clock's time: rows of both sources, a bad one of each, and what follows them."""
    begun = clock.now
    assert paused(lake) is None
    with streaming(lake) as lease:
        for dataset in SOURCES:
            _land(lake, dataset, clock.now)
        for dataset in (ATTRIBUTIONS, OUTCOMES):
            lease.renew()
            _put(lake, dataset, lease, clock.now)
        record(lake, Tick("ran", rows_landed=2 * ROWS, rows_quarantined=2, as_of=clock.now, lag_s=1.0))
        upkeep.keep_small(lake.settings, lease, begun)


def _land(lake: Lake, dataset: str, now: datetime) -> None:
    for target in (dataset, QUARANTINE):
        lake.ensure(target)
    with landing(lake, dataset):
        for target, rows in ((QUARANTINE, 1), (dataset, ROWS)):
            after = landed_through(lake, target, dataset)
            until = after.get("topic/0", 0) + ROWS + 1
            sha256 = f"{dataset}:{until:064}"[-64:]
            told = Landing(dataset, f"topic/0:-{until}", sha256, ROWS + 1, ROWS, 1, {}, now)
            told = replace(told, after=after, through={"topic/0": until})
            landed_files.commit(lake, target, told, partial(_write, lake, target, rows))


def _write(lake: Lake, target: str, rows: int, told: Landing) -> None:
    now, day, name = told.received_ts, told.received_ts.date(), f"{told.landing_seq}"
    make = raw_impression if told.dataset == SOURCES[0] else raw_play
    records = [make(day, f"{name}-{number}", received_ts=now, landing_seq=told.landing_seq) for number in range(rows)]
    if target == QUARANTINE:
        bad = {"file": told.file, "line": 1, "dataset": told.dataset, "reason": "malformed_json", "payload": "{"}
        records = [bad | {"received_ts": now, "landing_seq": told.landing_seq}]
    table = lake.table(target)
    # As landings write texts: Sail reads no mixture of Arrow's two kinds.
    schema = pa.schema(_short(field) for field in table.schema().as_arrow())
    with transaction(table) as change:
        rows_of = pa.Table.from_pylist(records, schema=schema)
        change.append(rows_of, snapshot_properties=told.to_summary(), branch=told.branch)


def _short(field: pa.Field) -> pa.Field:
    return field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field


def _put(lake: Lake, dataset: str, lease: Lease, now: datetime) -> None:
    """Append a row to a live table as a step does."""
    table, before = lake.ensure(live_name(dataset)), progress(lake, dataset)
    read = {name: landing_seq(lake.table(name)) for name in SOURCES}
    summary = Progress(read, before.read, as_of=now, made_by=("1", "1")).to_summary() | lease.to_summary()
    row = {field.name: _any_value(field.type, now) for field in table.schema().as_arrow()}
    with swapped(lake, live_name(dataset), refs.head(table), lease) as branch:
        table = lake.table(live_name(dataset))
        with transaction(table) as change:
            change.append(arrow(table, [row]), snapshot_properties=summary, branch=branch)


def _any_value(kind: pa.DataType, now: datetime) -> object:
    if pa.types.is_timestamp(kind):
        return now
    if pa.types.is_date(kind):
        return now.date()
    return False if pa.types.is_boolean(kind) else 1 if pa.types.is_integer(kind) else "x"


class _Tables:
    def __init__(self, _: object, lake: Lake) -> None:
        self._lake = lake

    def read(self, wanted: Slice) -> tuple[Table, Slice, str]:
        return self._lake.table(wanted.dataset), wanted, self._lake.registry.get(wanted.dataset).day_column or ""


def _row_hashes(read: tuple[Table, Slice, str], _: str | None) -> dict[int | None, tuple[int, str]]:
    table, wanted, day_column = read
    return {None: (_rows(table, wanted, day_column).num_rows, "0")}


def _rows(table: Table, wanted: Slice, day_column: str) -> pa.Table:
    tasks = [FileScanTask(data_file=file) for file in slice_files(table, day_column, wanted)]
    return ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table(tasks)


def _rewrite_slice(_: object, settings: Settings, branch: str, contract: Contract, wanted: Slice) -> None:
    table, day_column = Lake.open(settings).table(wanted.dataset), contract.day_column or ""
    rows, removed = _rows(table, wanted, day_column), list(slice_files(table, day_column, wanted))
    with transaction(table) as commit:
        change = commit.update_snapshot(branch=branch).overwrite()
        told = change._summary

        def as_replaced(properties: Mapping[str, str]) -> Summary:
            return Summary(operation=Operation.REPLACE, **told(dict(properties)).additional_properties)

        change._summary = as_replaced  # type: ignore[method-assign] - PyIceberg has no such operation
        with change:
            for file in removed:
                change.delete_data_file(file)
            for file in _dataframe_to_data_files(table.metadata, rows, table.io):
                change.append_data_file(file)


@dataclass(frozen=True)
class Hour:
    """What an hour of ticks cost and left: CPU seconds of the median tick, and files below `ops/` at its end."""

    cpu_s: float
    files: int


def run_hours(lake: Lake, hours: int) -> Iterator[Hour]:
    """Tick once a minute of a simulated clock for so many hours."""
    clock, registers = Clock(), Path(lake.location("ops").removeprefix("file://"))
    with clock.ruling(), without_engine():
        for _ in range(hours):
            cpu_s = []
            for _ in range(60):
                clock.now += timedelta(minutes=1)
                begun = time.process_time()
                tick(lake, clock)
                cpu_s.append(time.process_time() - begun)
            yield Hour(median(cpu_s), sum(path.is_file() for path in registers.rglob("*")))
