"""A day of the watcher: a look each minute at many datasets with a long history; what a look costs, and its memory.

The clock is stepped, so a day passes in minutes. Meanwhile the stream ticks every two minutes, and is paused now and
then for longer than the shipped rules allow; after midnight the days that nobody publishes become stale. So incidents
open, are told, repeated, copied to the lake and resolved. Nobody looks at Airflow and Spark: they are not of the lake.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from statistics import mean, median

import psutil

from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals.registry import SOURCES
from matinee.alerts.watcher import Watcher
from matinee.days import start_of
from matinee.live.register import Tick, record
from matinee.settings import load_settings
from matinee.table.catalog import Lake
from tests.bench import machine
from tests.bench.history_lake import FIRST, build_history
from tests.bench.processes import run_child
from tests.bench.ratios import Ratio
from tests.bench.tables import print_ratios, print_watch
from tests.support.alerts import Board
from tests.support.ticks import Clock

DATASETS, DAYS = 50, 400
MINUTE, HOUR = timedelta(minutes=1), 60
#: The hours that are compared with the first one.
HOURS = (1, 6, 24)
#: The stream ticks each so many looks. Of each three hours it is paused for 45 minutes: an incident opens in the first
#: hour, too, so that no later hour has anything to do for the first time.
TICKS_EACH, PERIOD, PAUSED = 2, 180, range(5, 50)
#: Shares of two cores, and of the memory of the first hour.
OF_CORES, OF_MEMORY, CORES = 0.05, 1.1, 2


@dataclass(frozen=True)
class Hour:
    """What the looks of an hour took: CPU seconds, mean and highest; resident MB, median of the hour's second half."""

    cpu_s: float
    highest_cpu_s: float
    rss_mb: float


@dataclass(frozen=True)
class Watched:
    """What one call measured."""

    document: dict[str, object]
    hours: Mapping[int, Hour]
    ratios: Sequence[Ratio]
    failures: tuple[str, ...] = ()

    def print(self) -> None:
        """Print its tables."""
        rows = {str(number): tuple(asdict(hour).values()) for number, hour in self.hours.items()}
        print_watch(f"A look each minute at {DATASETS} datasets of {DAYS} days: {self.document['looks']} looks", rows)
        print_ratios(self.ratios, "these looks")

    def save(self, folder: Path) -> None:
        """Write its JSON."""
        (folder / "watch.json").write_text(json.dumps(self.document, indent=2) + "\n")


def measure_watch(folder: Path, hours: int, limit_s: float) -> Watched:
    """Build the lake and let a watcher in a process of its own look at it for so many hours, or until the limit.

    Raises:
        ChildFailedError: the watcher failed.
    """
    before, home = machine.facts(), folder.absolute() / "watch"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    build_history(load_settings(home=home, catalog="embedded", spark_remote=None, engine="sail"), DATASETS, DAYS)
    arguments = ["looks", "--home", str(home), "--looks", str(hours * HOUR), "--within", str(limit_s)]
    answer = run_child(arguments, dict(os.environ), folder / "logs" / "watch.log", limit_s).answer or {}
    looks = [(float(cpu), float(rss)) for cpu, rss in answer["looks"]]
    by_hour = {number: _hour(looks[(number - 1) * HOUR : number * HOUR]) for number in range(1, len(looks) // HOUR + 1)}
    document = {
        "machine": before,
        "looks": len(looks),
        "incidents": answer["incidents"],
        "hours": {number: asdict(hour) for number, hour in by_hour.items()},
    }
    shutil.rmtree(home)
    return Watched(document, {number: by_hour[number] for number in HOURS if number in by_hour}, ratios(by_hour))


def _hour(looks: Sequence[tuple[float, float]]) -> Hour:
    cpu, rss = zip(*looks, strict=True)
    return Hour(round(mean(cpu), 3), max(cpu), round(median(rss[HOUR // 2 :]), 1))


def ratios(by_hour: Mapping[int, Hour]) -> list[Ratio]:
    """Return the share of two cores that the dearest hour took, and the memory of later hours over the first."""
    if not by_hour:
        return []
    dearest = max(hour.cpu_s for hour in by_hour.values()) / (MINUTE.total_seconds() * CORES)
    last = max(by_hour)
    compared = sorted({*HOURS[1:], last} & {*by_hour} - {1})
    return [
        Ratio(f"CPU of a look in the dearest hour / {CORES} cores", "watch", dearest, OF_CORES),
        *(
            Ratio(f"memory: hour {number} / hour 1", "watch", by_hour[number].rss_mb / by_hour[1].rss_mb, OF_MEMORY)
            for number in compared
        ),
    ]


def watch_for(home: Path, looks: int, within_s: float) -> dict[str, object]:
    """Look so many times, or until the time is over; return CPU seconds and resident MB of each look."""
    settings = load_settings(home=home, catalog="embedded", spark_remote=None, engine="sail")
    if (home / "sql").is_dir():
        settings = settings.model_copy(update={"sql_dir": home / "sql"})
    clock, process = Clock(start_of(FIRST + timedelta(days=DAYS)) + timedelta(hours=12)), psutil.Process()
    ours, until = AlertSettings(alerts_route="board:bench"), time.monotonic() + within_s
    watcher = Watcher(settings, ours, SOURCES, Board().open, "bench", clock.stamp)
    taken, incidents = list[tuple[float, float]](), 0
    with clock.ruling():
        while len(taken) < looks and time.monotonic() < until:
            _stream(Lake.open(settings), len(taken))
            clock.now += MINUTE
            begun = time.process_time()
            turn = watcher.turn()
            watcher.sender.wait(20)
            watcher.mirror.wait(20)
            cpu_s = round(time.process_time() - begun, 3)
            incidents += sum(change.event == "opened" for change in turn.changes)
            taken.append((cpu_s, round(process.memory_info().rss / 1e6, 1)))
        watcher.close()
    return {"looks": taken, "incidents": incidents}


def _stream(lake: Lake, number: int) -> None:
    phase = number % PERIOD
    if phase == PAUSED.start:
        record(lake, Tick("paused", reason="a pause of the benchmark"))
    elif phase == PAUSED.stop:
        record(lake, Tick("resumed", reason="its end"))
    elif phase not in PAUSED and number % TICKS_EACH == 0:
        record(lake, Tick("ran", rows_landed=1000, rows_quarantined=0, lag_s=1.0))
