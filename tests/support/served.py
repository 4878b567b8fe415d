"""Served datasets for tests: offers with nested values, published by PyIceberg, built in this process or by Spark."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from matinee.ledger.model import Run
from matinee.publication.move import drop_branches, move_to_main
from matinee.serving.model import Manifest
from matinee.serving.versions import Versions
from matinee.settings import CHECKOUT, Settings, load_settings
from matinee.table.catalog import Lake
from matinee.table.files import Slice, data_files
from tests.support.lakes import D1, core_play, land, pin, prepare, raw_play

OFFERS = "dims.offers"
FOLDER = Path(__file__).parent / "served"
Build = Callable[..., Manifest]


def served_sql(folder: Path, declared: str = "") -> Path:
    """The shipped datasets and the offers, in a folder of its own; `declared` adds lines to its `serve.yaml`."""
    sql = shutil.copytree(CHECKOUT / "sql", folder / "sql")
    shutil.copytree(FOLDER, sql, dirs_exist_ok=True)
    file = sql / "dims" / "offers" / "serve.yaml"
    file.write_text(file.read_text() + declared)
    return sql


def served_settings(folder: Path, declared: str = "") -> Settings:
    """Settings of an embedded lake whose offers are served."""
    return load_settings(
        home=folder / "home", catalog="embedded", spark_remote=None, sql_dir=served_sql(folder, declared)
    )


def offer(country: str, title: str, day: date = D1, **values: object) -> dict[str, object]:
    """An offer with every column."""
    row: dict[str, object] = {"country": country, "title_id": title, "starts": date(2026, 1, 1), "event_day": day}
    terms = {"currency": "EUR", "cents": 499}
    return row | {"terms": terms, "words": ["now", "new"], "changed_ts": datetime(2026, 3, 1, tzinfo=UTC)} | values


def value(row: dict[str, object]) -> dict[str, object]:
    """What is served of an offer."""
    return {name: row[name] for name in ("terms", "words", "changed_ts")}


def publish_offers(lake: Lake, rows: Sequence[dict[str, object]], day: date = D1, attempt: str | None = None) -> Run:
    """Publish the offers of a day; the plays that they are derived from are landed and published with them."""
    if not any(row["event_day"] == day for row in _plays(lake)):
        land(lake, "raw.plays", [raw_play(day, f"p{day.day}")])
        _publish(
            lake,
            prepare(lake, "core.plays", day, [core_play(day, f"p{day.day}")], pins=(pin(lake, "raw.plays", {day: 1}),)),
        )
    pins = (pin(lake, "core.plays", {day: 1}),)
    return _publish(lake, prepare(lake, OFFERS, day, list(rows), pins=pins, attempt=attempt))


def _plays(lake: Lake) -> list[dict[str, object]]:
    if not lake.exists("core.plays"):
        return []
    rows: list[dict[str, object]] = lake.table("core.plays").scan().to_arrow().to_pylist()
    return rows


def _publish(lake: Lake, run: Run) -> Run:
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(run.dataset), run)
    return run


@dataclass(frozen=True)
class RowsHere:
    """What `features.shards.SortedRows` does, in this process: the functions of the tasks are the real ones."""

    batches: list[pa.RecordBatch]

    def keys(self, sample: Callable[..., Iterator[pa.RecordBatch]]) -> list[bytes]:
        return [key for batch in sample(self.batches) for key in batch["key"].to_pylist()]

    def write(
        self,
        encode: Callable[..., Iterator[pa.RecordBatch]],
        write: Callable[..., Iterator[pa.RecordBatch]],
        shards: int,
    ) -> list[str]:
        entries = pa.Table.from_batches(list(encode(self.batches)))
        told = []
        for number in range(shards):
            of_shard = entries.filter(pc.equal(entries["shard"], number)).sort_by("key")
            told += [text for batch in write(of_shard.to_batches()) for text in batch["written"].to_pylist()]
        return told


@contextmanager
def rows_here(lake: Lake, wanted: Slice, columns: Sequence[str]) -> Iterator[RowsHere]:
    """Yield the rows of a slice as PyIceberg reads them."""
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.io.pyarrow import ArrowScan
    from pyiceberg.table import FileScanTask

    table = lake.table(wanted.dataset)
    day = lake.registry.get(wanted.dataset).day_column or ""
    files = data_files(table, day, snapshot_id=wanted.snapshot_id, first=wanted.first, last=wanted.last)
    scan = ArrowScan(table.metadata, table.io, table.schema().select(*columns), AlwaysTrue())
    yield RowsHere(list(scan.to_record_batches([FileScanTask(data_file=file) for file in files])))


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build versions without an engine."""
    monkeypatch.setattr("matinee.features.shards.sorted_rows", rows_here)


def versions_of(lake: Lake) -> Versions:
    """The versions of the offers."""
    return Versions.of(lake.settings, OFFERS)


def main(act: str) -> None:
    """Do one act in a process of its own, which a test may kill: serve, gc or forget."""
    from unittest.mock import patch

    from matinee.serving import declaration
    from matinee.serving.collecting import collect, leftovers
    from matinee.serving.forgetting import forget
    from matinee.serving.step import step

    settings = load_settings()
    lake = Lake.open(settings)
    if act == "serve":
        with patch("matinee.features.shards.sorted_rows", rows_here):
            step(settings, OFFERS)
    elif act == "forget":
        forget(lake, OFFERS, ["de"])
    else:
        for leftover in leftovers(versions_of(lake), declaration.load(lake.registry.get(OFFERS))):
            collect(versions_of(lake), leftover)


if __name__ == "__main__":
    main(sys.argv[1])
