"""Tiny lakes for tests that need no Spark: literal rows are written by PyIceberg alone."""

import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.table import Table

from matinee.contracts.model import live_name
from matinee.contracts.registry import Registry
from matinee.errors import ContractError
from matinee.landing.landed_files import register
from matinee.landing.model import Landing
from matinee.ledger import ledger
from matinee.ledger.latest import Latest
from matinee.ledger.ledger import record
from matinee.ledger.model import InputPin, Publication, Run, State
from matinee.report import Rows
from matinee.settings import load_settings
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import LANDING_SEQ, slice_files
from matinee.validity.manifests import Manifest, declare

NOON = timedelta(hours=12)
PLANNED = datetime(2026, 3, 5, tzinfo=UTC)
Fixture = Callable[..., object]
#: A name that a folder can have: each character means something in a URI, a pattern, a shell or a properties file.
ODD_NAME = "ä b%20#?+;:'\"[1]*{a,b}\\$HOME~&="
D1, D2, D3 = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)


def at(day: date, offset: timedelta = NOON) -> datetime:
    """An instant of a day, noon unless told."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + offset


def make_lake(home: Path) -> Lake:
    """An empty embedded lake."""
    return Lake.open(load_settings(home=home, catalog="embedded", spark_remote=None))


def put_back(kept: Path, home: Path) -> None:
    """Replace a home by a copy of the one that was kept.

    An earlier test's lake may close its catalog at any moment. SQLite then deletes `catalog.db-wal`, if the catalog is
    still where SQLite opened it. So the home moves elsewhere before its files are deleted.
    """
    with TemporaryDirectory(dir=home.parent) as elsewhere:
        home.rename(Path(elsewhere) / home.name)
    shutil.copytree(kept, home)


#: Opens the lake of a home.
Make = Callable[[Path], Lake]


class KeptLake:
    """A lake that is filled once: each test begins with a copy of it, in the same place."""

    def __init__(self, folder: Path, fill: Callable[[Lake], object], make: Make = make_lake) -> None:
        self._home, self._kept, self._make = folder / "home", folder / "kept", make
        fill(make(self._home))
        shutil.copytree(self._home, self._kept)

    def begin(self) -> Lake:
        """Put the lake back as it was filled."""
        put_back(self._kept, self._home)
        return self._make(self._home)


def kept(fill: Callable[[Lake], object], make: Make = make_lake) -> tuple[Fixture, Fixture]:
    """Return fixtures, to be named `kept_lake` and `lake`: a lake that is filled once, and the copy of each test."""

    @pytest.fixture(scope="module")
    def kept_lake(tmp_path_factory: pytest.TempPathFactory) -> KeptLake:
        return KeptLake(tmp_path_factory.mktemp("lake"), fill, make)

    @pytest.fixture
    def lake(kept_lake: KeptLake) -> Lake:
        return kept_lake.begin()

    return kept_lake, lake


def raw_play(day: date, play_id: str = "p1", **values: object) -> dict[str, object]:
    """A landed play with every column."""
    row: dict[str, object] = dict.fromkeys(("duration_s", "device", "country", "source", "app_version"))
    row |= {"play_id": play_id, "profile_id": "a", "title_id": "t", "start_ts": at(day), "received_ts": at(day)}
    return row | {"event_day": day, "landing_seq": 1, "file": "f"} | values


def core_play(day: date, play_id: str = "p1", **values: object) -> dict[str, object]:
    """A published play with every column."""
    row = raw_play(day, play_id)
    for name in ("duration_s", "landing_seq", "file"):
        del row[name]
    return row | {"duration_ms": None, "profile_bucket": 0} | values


def arrow(table: Table, rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """Rows in the table's own schema."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=table.schema().as_arrow())


def land(
    lake: Lake,
    dataset: str,
    rows: list[dict[str, object]],
    *,
    seq: int = 1,
    close: bool = True,
    received: datetime | None = None,
) -> None:
    """Append rows to a raw table as one landed file, received when it says, and close their days by a manifest."""
    table = lake.ensure(dataset)
    summary = {LANDING_SEQ: str(seq)}
    if received:
        landing = Landing(dataset, f"f{seq}", f"f{seq}", len(rows), len(rows), 0, {}, received, landing_seq=seq)
        summary = landing.to_summary()
    table.append(arrow(table, [row | {"landing_seq": seq} for row in rows]), snapshot_properties=summary)
    if close:
        days = {row["event_day"] for row in rows}
        counts = {day: sum(row["event_day"] == day for row in rows) for day in days}
        close_days(lake, dataset, counts)


def heard(lake: Lake, dataset: str, *moments: datetime, rows: int = 1) -> None:
    """Register files that were landed at these moments, of so many rows each."""
    names = [f"{moment:%Y%m%dT%H%M}" for moment in moments]
    files = zip(names, moments, strict=True)
    register(lake, [Landing(dataset, name, name, rows, rows, 0, {}, moment) for name, moment in files])


def close_days(lake: Lake, dataset: str, counts: Mapping[date, int]) -> None:
    """Declare days complete with these expected rows."""
    declare(lake, [Manifest(dataset, day, rows, True, None, PLANNED) for day, rows in counts.items()])


def prepare(
    lake: Lake,
    dataset: str,
    day: date,
    rows: list[dict[str, object]],
    *,
    pins: tuple[InputPin, ...] = (),
    generation: int = 1,
    attempt: str | None = None,
    read: int | None = None,
    out: int | None = None,
    buckets: tuple[int, ...] | None = None,
    stamps: Mapping[int | None, str] | None = None,
    as_of: datetime | None = None,
    terms: Mapping[str, str] | None = None,
    version: str = "1.0.0",
) -> Run:
    """Write rows as the day on an audit branch in one commit, and record it as PREPARED."""
    table = lake.ensure(dataset)
    identity = f"{dataset.replace('.', '_')}_{day:%Y%m%d}_{attempt or uuid.uuid4().hex[:8]}"
    base = refs.head(table)
    run = Run(identity, dataset, day.isoformat(), day, day, base, pins, version, "test", PLANNED, buckets=buckets)
    run = replace(run, as_of=as_of, terms=terms or {})
    table = refs.create_branch(table, run.branch, base)
    overwrite(table, run, rows, lake.registry.get(dataset).day_column or "")
    audited = refs.head(table.refresh(), run.branch)
    counted = Rows.model_validate({"in": len(rows) if read is None else read, "out": len(rows) if out is None else out})
    prepared = Publication(run, day, State.PREPARED, generation, PLANNED, audited_snapshot_id=audited, rows=counted)
    record(lake, [replace(prepared, stamps=stamps or {})])
    return run


def overwrite(table: Table, run: Run, rows: list[dict[str, object]], day_column: str) -> None:
    """Replace the days of a run on its branch, as a job does."""
    gone = list(slice_files(table, day_column, run.written(refs.head(table, run.branch))))
    with table.transaction() as transaction:
        update = transaction.update_snapshot(snapshot_properties=run.to_summary(), branch=run.branch).overwrite()
        with update as change:
            for file in gone:
                change.delete_data_file(file)
            for file in _dataframe_to_data_files(table.metadata, arrow(table, rows), table.io) if rows else ():
                change.append_data_file(file)


def pin(lake: Lake, dataset: str, days: Mapping[date, int]) -> InputPin:
    """Pin an input where it is now."""
    table = lake.ensure(dataset)
    snapshot_id = refs.head(table)
    sequence = table.metadata.snapshot_by_id(snapshot_id).sequence_number or 0
    return InputPin(dataset, snapshot_id, sequence, None, days)


def ids(lake: Lake, dataset: str, column: str, ref: str = "main") -> list[str]:
    """The sorted values of a column at a reference."""
    table = lake.table(dataset)
    rows = table.scan(snapshot_id=refs.head(table, ref), selected_fields=(column,)).to_arrow()
    return sorted(rows[column].to_pylist())


def after_the_ledger(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Have another process do something between the next look at the ledger and the look at `main`."""
    look = ledger.latest

    def raced(lake: Lake, dataset: str) -> Latest:
        newest = look(lake, dataset)
        monkeypatch.setattr(ledger, "latest", look)
        meanwhile()
        return newest

    monkeypatch.setattr(ledger, "latest", raced)


def raw_impression(day: date, event_id: str = "e1", **values: object) -> dict[str, object]:
    """A landed impression with every column."""
    row: dict[str, object] = dict.fromkeys(("device", "country", "page_id", "app_version"))
    row |= {"event_id": event_id, "profile_id": "a", "title_id": "t", "row": 1, "position": 1}
    row |= {"event_ts": at(day), "received_ts": at(day)}
    return row | {"event_day": day, "landing_seq": 1, "file": "f"} | values


def leave_out(lake: Lake, dataset: str) -> Lake:
    """Return the lake as it is where the contract of a dataset cannot be used."""
    own = {dataset, live_name(dataset)}
    error = ContractError(f"{dataset}: a mistake.", next_step="Correct it.", facts={"dataset": dataset})
    contracts = {name: contract for name, contract in lake.registry.contracts.items() if name not in own}
    return replace(lake, registry=Registry(contracts, {dataset: error}))


def land_days(lake: Lake, *days: date) -> None:
    """Land and close days with one impression `e<day>`, its play `p<day>` a minute later, and an organic play."""
    minute = NOON + timedelta(minutes=1)
    shown = [raw_impression(day, f"e{day.day}", title_id=f"t{day.day}") for day in days]
    taken = [
        raw_play(day, f"p{day.day}", title_id=f"t{day.day}", start_ts=at(day, minute), duration_s=2.5) for day in days
    ]
    organic = [raw_play(day, f"o{day.day}", title_id="never shown") for day in days]
    land(lake, "raw.impressions", [*shown, *shown])
    land(lake, "raw.plays", [*taken, *organic])
