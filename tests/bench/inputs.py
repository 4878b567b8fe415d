"""Inputs: a day of core.impressions and core.plays, published in a lake of its own and built once."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click
import pyarrow.parquet as pq

from matinee.contracts.model import Contract
from matinee.engine.tables.staging import commit_staged, new_stage, staged_files
from matinee.ledger.ledger import record
from matinee.ledger.model import InputPin, Publication, Run, State
from matinee.report import Rows
from matinee.settings import Settings, default_sql_dir, load_settings
from matinee.sources.simulator.columns import Frame
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import Slice, data_files
from tests.bench.events import SEED, DayEvents, Skew, cells, simulate_day
from tests.bench.processes import run_child
from tests.bench.sizes import size_name
from tests.support.lakes import close_days

IMPRESSIONS, PLAYS = "core.impressions", "core.plays"
ATTRIBUTIONS, IMPRESSION_PLAYS = "core.play_attributions", "core.impression_plays"
OUTPUTS = (ATTRIBUTIONS, IMPRESSION_PLAYS)
CHAIN = (IMPRESSIONS, PLAYS, *OUTPUTS)
#: The folder of contracts below the folder of an input that has its own.
SQL = "sql"
MEMORY = "6g"
ROW_GROUP = 2**20
BUILDING_S = 1_800
_PLANNED = datetime(2026, 3, 5, tzinfo=UTC)
# Raised when what is built changes: an older folder is then built again.
FORMAT = 3


@dataclass(frozen=True)
class Input:
    """A built input: the lake's folder, the day, and the data files of both tables."""

    folder: Path
    day: date
    rows: dict[str, int]
    files: dict[str, list[str]]

    def settings(self, engine: str = "spark", remote: str | None = None) -> Settings:
        """Return the settings of its lake; the options of a JVM are those for large runs."""
        own = self.folder / SQL
        return load_settings(
            sql_dir=own if own.is_dir() else default_sql_dir(),
            home=self.folder / "home",
            catalog="embedded",
            engine=engine,
            spark_remote=remote,
            spark_memory=MEMORY,
            spark_java_options="",
            valid_from=self.day,
        )

    def reset(self) -> None:
        """Take the lake back to what was built: every cycle begins with the same tables and the same history."""
        home = self.folder / "home"
        for name in ("catalog.db-wal", "catalog.db-shm"):
            (home / name).unlink(missing_ok=True)
        shutil.copyfile(self.folder / "catalog.db", home / "catalog.db")
        lake = Lake.open(self.settings())
        for dataset in CHAIN:
            _remove_unknown(lake, dataset)


def built_input(folder: Path, rows: int, skew: Skew, *, late: bool = False) -> Input:
    """Return the input of that size and kind below a folder; where it is not complete, a child builds it.

    Args:
        folder: of inputs and results.
        rows: impressions.
        skew: of the events.
        late: whether the day is published from landed rows, of which some came too late: see `late`.

    Raises:
        ChildFailedError: it could not be built.
    """
    kind = f"{skew}-late" if late else skew
    own = folder.absolute() / "inputs" / f"{size_name(rows)}-{kind}-{SEED}"
    marker = own / "complete.json"
    if not marker.is_file() or json.loads(marker.read_text())["format"] != FORMAT:
        click.echo(f"building an input of {size_name(rows)} impressions, {kind}", err=True)
        # The memory of a child is free again before anything is measured.
        arguments = ["build", "--rows", str(rows), "--skew", skew, "--output-dir", str(own)] + ["--late"] * late
        run_child(arguments, dict(os.environ), folder.absolute() / "logs" / "build.log", BUILDING_S)
    return load_input(own)


def build_input(folder: Path, rows: int, skew: Skew) -> Input:
    """Build an input in a folder, whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    _build(folder, simulate_day(rows, skew))
    return load_input(folder)


def load_input(folder: Path) -> Input:
    """Return the input that stands complete in a folder."""
    document = json.loads((folder / "complete.json").read_text())
    files = {name: [str(folder / path) for path in paths] for name, paths in document["files"].items()}
    return Input(folder, date.fromisoformat(document["day"]), document["rows"], files)


def output_files(settings: Settings, day: date, datasets: Iterable[str] = OUTPUTS) -> dict[str, list[str]]:
    """Return the data files of the day on main of what the cycles publish."""
    lake = Lake.open(settings)
    return {dataset: _files(lake, dataset, day) for dataset in datasets}


def keep_catalog(folder: Path) -> None:
    """Keep a copy of the catalog of the lake in a folder; `Input.reset` restores the copy."""
    with (
        closing(sqlite3.connect(folder / "home" / "catalog.db")) as catalog,
        closing(sqlite3.connect(folder / "catalog.db")) as kept,
    ):
        catalog.backup(kept)


def _build(folder: Path, events: DayEvents) -> None:
    folder.mkdir(parents=True)
    day = events.options.first_day
    unread = Input(folder, day, {}, {})
    lake = Lake.open(unread.settings())
    for dataset, frame, time in ((IMPRESSIONS, events.impressions, "event_ts"), (PLAYS, events.plays, "start_ts")):
        rows = len(frame[time].values)
        close_days(lake, dataset.replace("core", "raw"), {day: rows})
        unread.rows[dataset] = rows
        _publish(lake, dataset, day, rows, _stage(lake, lake.registry.get(dataset), frame, time))
        unread.files[dataset] = [os.path.relpath(path, folder) for path in _files(lake, dataset, day)]
    for dataset in OUTPUTS:
        lake.ensure(dataset)
    keep_catalog(folder)
    document = {**asdict(unread), "folder": folder.name, "day": day.isoformat(), "format": FORMAT}
    (folder / "complete.json").write_text(json.dumps(document, indent=2) + "\n")


def _stage(lake: Lake, contract: Contract, frame: Frame, time: str) -> str:
    """Write a file for each bucket below the table's location."""
    stage = new_stage(lake.ensure(contract.dataset))
    folder = Path(stage.removeprefix("file://"))
    folder.mkdir(parents=True)
    for number, cell in enumerate(cells(frame, time, contract.key_columns[0], contract.cells.buckets)):
        if not len(cell):
            continue
        path = folder / f"bucket-{number}.parquet"
        table = cell.select(contract.column_names)
        pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP, store_schema=False)
    return stage


def _publish(lake: Lake, dataset: str, day: date, rows: int, stage: str) -> None:
    """Commit what was staged to an audit branch, note it as prepared, and move main there."""
    raw = lake.ensure(dataset.replace("core", "raw"))
    table = lake.table(dataset)
    base = refs.head(table)
    # No day of the raw table is pinned: none was landed here, and the publication stands on its own.
    pin = InputPin(".".join(raw.name()), refs.head(raw), 0, None, {})
    identity = f"{dataset.replace('.', '_')}_{day:%Y%m%d}_built"
    run = Run(identity, dataset, day.isoformat(), day, day, base, (pin,), "1.0.0", "bench", _PLANNED)
    refs.create_branch(table, run.branch, base)
    replaced = Slice(dataset, base, day, day)
    commit_staged(lake, run.branch, replaced, staged_files(table, stage), run.to_summary())
    table = lake.table(dataset)
    audited = refs.head(table, run.branch)
    counted = Rows.model_validate({"in": rows, "out": rows})
    prepared = Publication(run, day, State.PREPARED, 1, _PLANNED, audited_snapshot_id=audited, rows=counted)
    record(lake, [prepared])
    refs.publish_snapshot(table, audited, expected=base)


def _remove_unknown(lake: Lake, dataset: str) -> None:
    """Remove the data files that no snapshot of the restored catalog has: an earlier run wrote them."""
    if lake.exists(dataset):
        known = {Path(path) for path in _files(lake, dataset)}
        data = lake.settings.home.absolute() / "warehouse" / dataset.replace(".", "/") / "data"
        for path in set(data.rglob("*.parquet")) - known:
            path.unlink()


def _files(lake: Lake, dataset: str, day: date | None = None) -> list[str]:
    day_column = lake.registry.get(dataset).day_column or ""
    files = data_files(lake.table(dataset), day_column, first=day, last=day)
    return sorted(file.file_path.removeprefix("file://").removeprefix("file:") for file in files)
