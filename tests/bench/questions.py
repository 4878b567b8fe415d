"""Questions to a lake whose cost should not grow with its history: the bookkeeping of each step."""

import json
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from pyiceberg.io.pyarrow import PyArrowFile

from matinee.healing.late import stale_days
from matinee.landing.ingest import ingest
from matinee.maintenance.cells import plan_compaction
from matinee.maintenance.compaction import compact
from matinee.maintenance.upkeep import expire_recovered, recover_all
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake
from matinee.table.catalogs.sql_catalog import SqlCatalog
from matinee.validity.validity import Validity
from tests.support import streams
from tests.support.alerts import stale_datasets
from tests.support.lakes import close_days
from tests.support.ticks import Clock, tick, without_engine

CHAIN = ("core.impressions", "core.plays", "core.play_attributions", "core.impression_plays")


def _daily(lake: Lake) -> list[str]:
    return [
        contract.dataset
        for contract in lake.registry.all()
        if contract.day_column and contract.namespace != "ops" and not contract.is_live
    ]


def _next_day(lake: Lake) -> date:
    newest = Validity(lake).history(CHAIN[-1]).by_day
    return max(newest) + timedelta(days=1)


def _vtts(settings: Settings, _: date) -> None:
    lake = Lake.open(settings)
    validity = Validity(lake)
    for dataset in _daily(lake):
        validity.vtts(dataset)


def _late(settings: Settings, _: date) -> None:
    list(stale_days(Lake.open(settings)))


def _watch(settings: Settings, day: date) -> None:
    stale_datasets(settings, datetime(day.year, day.month, day.day, tzinfo=UTC))


def _run(settings: Settings, day: date) -> None:
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, day, day))


def _landing(settings: Settings, day: date) -> None:
    ingest(settings, "raw.impressions", [settings.home / f"impressions_{day}.jsonl"])


def _tick(settings: Settings, day: date) -> None:
    clock = Clock(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    with clock.ruling(), without_engine():
        for _ in range(5):
            clock.now += timedelta(minutes=1)
            tick(Lake.open(settings), clock)


def _compaction(settings: Settings, _: date) -> None:
    lake = Lake.open(settings)
    for dataset in filter(lake.exists, ("raw.impressions", "raw.plays", *CHAIN)):
        plan_compaction(lake, lake.registry.get(dataset))


def _upkeep(settings: Settings, day: date) -> None:
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    recover_all(settings)
    lake = Lake.open(settings)
    for dataset in filter(lake.exists, ("ops.publications", "ops.landings", "ops.manifests", *CHAIN)):
        if dataset.startswith("ops."):
            compact(settings, dataset)
        expire_recovered(lake, dataset, now)


#: The questions by name: each takes the settings of a lake and the day after its newest published day.
QUESTIONS: dict[str, Callable[[Settings, date], None]] = {
    "vtts": _vtts,
    "late": _late,
    "watch": _watch,
    "run": _run,
    "landing": _landing,
    "tick": _tick,
    "compaction": _compaction,
    "upkeep": _upkeep,
}


def ask(name: str, warm: Path, home: Path) -> dict[str, float]:
    """Ask a question of a warm lake, then of another one; return what the second time took.

    Returns:
        CPU seconds, peak memory in bytes of the process, loads of tables, files opened and their bytes.
    """
    counts, cpu_s = Counter[str](), 0.0
    for place in (warm, home):
        settings = load_settings(home=place, catalog="embedded", spark_remote=None, engine="sail")
        if (place / "sql").is_dir():
            settings = settings.model_copy(update={"sql_dir": place / "sql"})
        day = _prepared(name, settings)
        counts.clear()
        with _counting(counts):
            begun = time.process_time()
            QUESTIONS[name](settings, day)
            cpu_s = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cpu_s": round(cpu_s, 3), "peak_bytes": peak, **counts}


def _prepared(name: str, settings: Settings) -> date:
    """Return the day after the newest published one; bring to the lake what the question needs."""
    lake = Lake.open(settings)
    day = _next_day(lake)
    if name in ("landing", "run"):
        events = {"impressions": streams.impression, "plays": streams.play}
        for word, event in events.items():
            line = json.dumps(event(time.time_ns(), f"{day}T12:00:00Z"))
            (settings.home / f"{word}_{day}.jsonl").write_text(line + "\n")
    if name == "run":
        ingest(settings, None, [settings.home / f"{word}_{day}.jsonl" for word in events])
        for word in events:
            close_days(lake, f"raw.{word}", {day: 1})
    return day


@contextmanager
def _counting(counts: Counter[str]) -> Iterator[None]:
    loads, opens = SqlCatalog.load_table, PyArrowFile.open

    def load(self: SqlCatalog, identifier: object) -> object:
        counts["loads"] += 1
        return loads(self, identifier)  # type: ignore[arg-type]

    def open_(self: PyArrowFile, seekable: bool = True) -> object:
        counts["files"] += 1
        counts["file_bytes"] += len(self)
        return opens(self, seekable)

    with ExitStack() as patches:
        patches.enter_context(patch.object(SqlCatalog, "load_table", load))
        patches.enter_context(patch.object(PyArrowFile, "open", open_))
        yield
