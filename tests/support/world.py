"""A small published lake for interleavings, and the parts of its upkeep that need no Spark here."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _OverwriteFiles

from matinee.contracts.registry import Registry
from matinee.engine import session
from matinee.engine.sail import sail_server
from matinee.ledger.compactions import COMPACTIONS
from matinee.publication import steps
from matinee.publication.request import RunRequest
from matinee.settings import Settings, load_settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import data_files
from matinee.table.registers import stamp
from tests.support.judge import CHAIN, DAY_COLUMN, Judge
from tests.support.lakes import D1, D2, PLANNED, at, land, put_back, raw_impression, raw_play
from tests.support.reference import Row

DAYS = (D1, D2)
#: A play at the second instant is exactly a window after an impression at the same instant of the day before.
HOURS = (timedelta(hours=11), timedelta(hours=11, minutes=30), timedelta(hours=12))


@dataclass(frozen=True)
class World:
    """A small published lake, kept aside so that every example begins with a copy of it in the same place."""

    settings: Settings
    kept: Path
    judge: Judge

    def begin(self) -> Judge:
        """Put the lake back as it was; return a judge that knows it."""
        put_back(self.kept, self.settings.home)
        return deepcopy(self.judge)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Make the lake: two days, and a play that reaches back to the day before; Sail and contracts are loaded once."""
    settings = load_settings(home=folder / "home", catalog="embedded", spark_remote=None, engine="sail")
    registry = Registry.load(settings.sql_dir)
    with sail_server(settings) as remote, pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "sail_server", _already_there(remote))
        patch.setattr(Registry, "load", lambda _: registry)
        judge = Judge(D1)
        lake = Lake.open(settings)
        shown = [raw_impression(day, "e1", event_ts=at(day, HOURS[0]), received_ts=PLANNED) for day in DAYS]
        shown += [raw_impression(day, "e2", profile_id="b", received_ts=PLANNED) for day in DAYS]
        taken = [raw_play(day, "p1", start_ts=at(day, HOURS[1]), received_ts=PLANNED) for day in DAYS]
        taken += [raw_play(D2, "p2", profile_id="b", start_ts=at(D2, HOURS[1]), received_ts=PLANNED)]
        land_late(lake, judge, "raw.impressions", shown, close=True)
        land_late(lake, judge, "raw.plays", taken, close=True)
        for dataset in CHAIN:
            steps.run(settings, RunRequest(dataset, *DAYS))
        judge.look(Lake.open(settings))
        shutil.copytree(settings.home, folder / "kept")
        yield World(settings, folder / "kept", judge)


def _already_there(remote: str) -> Callable[[Settings], object]:
    @contextmanager
    def server(_: Settings) -> Iterator[str]:
        yield remote

    return server


def land_late(lake: Lake, judge: Judge, dataset: str, rows: list[Row], *, close: bool = False) -> None:
    """Land rows as one file, and tell the judge."""
    seq = 1 + max((row["landing_seq"] for row in judge.landed[dataset]), default=0)
    land(lake, dataset, rows, seq=seq, close=close)
    judge.landed[dataset] += [row | {"landing_seq": seq} for row in rows]


class Rearranged(_OverwriteFiles):
    """A commit that says `replace`, as a compaction by Spark does; PyIceberg has none of its own."""

    def _summary(self, snapshot_properties: dict[str, str] | None = None) -> Summary:
        summary = super()._summary(snapshot_properties or {})
        return Summary(operation=Operation.REPLACE, **summary.additional_properties)


def rearrange(lake: Lake, dataset: str, day: date, branch: str) -> None:
    """Rewrite the files of a day on a branch, one a cell, and note the proof: a compaction but for the move."""
    rows, files = rewrite(lake, dataset, day, branch)
    proof = {"dataset": dataset, "day": day, "rows": rows, "row_hash": "equal", "recorded_ts": PLANNED}
    proof |= {"snapshot_id": refs.head(lake.table(dataset), branch), "files_before": files, "files_after": files}
    _append(lake.ensure(COMPACTIONS), proof)


def rewrite(lake: Lake, dataset: str, day: date, branch: str) -> tuple[int, int]:
    """Rewrite the files of a day on a branch as a compaction does; nobody proves it. Return the rows and old files."""
    table = lake.table(dataset)
    column, main = DAY_COLUMN[dataset], refs.head(table)
    table = refs.create_branch(table, branch, main)
    old = list(data_files(table, column, snapshot_id=main, first=day, last=day))
    rows = table.scan(row_filter=f"{column} = '{day}'", snapshot_id=main).to_arrow()
    with table.transaction() as transaction:
        commit = Rearranged(operation=Operation.OVERWRITE, transaction=transaction, io=table.io, branch=branch)
        with commit as change:
            for file in old:
                change.delete_data_file(file)
            for file in _dataframe_to_data_files(table.metadata, rows, table.io):
                change.append_data_file(file)
    return rows.num_rows, len(old)


@contextmanager
def clock(minutes: int) -> Iterator[None]:
    """Let whatever is done in the block be done by a process whose clock is so many minutes off."""

    def stamp_of_a_wrong_clock() -> datetime:
        return stamp() + timedelta(minutes=minutes)

    users = [module for name, module in sys.modules.items() if name.startswith("matinee.") and hasattr(module, "stamp")]
    with pytest.MonkeyPatch.context() as patch:
        for module in users if minutes else ():
            patch.setattr(module, "stamp", stamp_of_a_wrong_clock)
        yield


def _append(table: Table, row: Row) -> None:
    table.append(pa.Table.from_pylist([row], schema=table.schema().as_arrow()))
