"""A micro-batch after many hours of ticks, one a minute, beside a lake of one hour: CPU seconds of us and the engine.

The ticks are those of `tests.support.ticks`, upkeep between them included; the micro-batch is Spark's, of both sources.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import click
import psutil
from pyspark.sql import SparkSession

from matinee.engine.server import own_server
from matinee.engine.session import spark_session
from matinee.landing.micro_batch import land_batch
from matinee.landing.offsets import landed_through
from matinee.live.impressions import SOURCES
from matinee.settings import Settings, load_settings
from matinee.table.catalog import Lake
from tests.support import streams
from tests.support.ticks import BEGIN, run_hours

#: Rounds that warm the engine: its compiler is at work for many batches.
WARM = 10
SHOWN, PLAYED = SOURCES
#: One of so many events is a play.
PLAYS_EACH = 12


def measure_batch(home: Path, hours: Sequence[int], events: int, rounds: int) -> Mapping[int, list[float]]:
    """Return the CPU seconds of a micro-batch by the hours of ticks before, round by round; the lakes take turns."""
    lakes = {count: _ticked(home / f"hours-{count}", count) for count in hours}
    taken: dict[int, list[float]] = {count: [] for count in hours}
    with own_server(lakes[hours[0]]) as remote:
        for number in range(WARM + rounds):
            for count, settings in lakes.items():
                with spark_session(settings.model_copy(update={"spark_remote": remote})) as spark:
                    cpu_s = _land(Lake.open(settings), spark, count, events)
                taken[count] += [cpu_s] if number >= WARM else []
                click.echo(f"round {number}  {count} hours of ticks: {cpu_s:.2f} CPU s", err=True)
    return taken


def _ticked(home: Path, hours: int) -> Settings:
    shutil.rmtree(home, ignore_errors=True)
    settings = load_settings(home=home, catalog="embedded", spark_remote=None, spark_memory="3g")
    for number, hour in enumerate(run_hours(Lake.open(settings), hours), 1):
        click.echo(f"hour {number} of {hours}: {hour}", err=True)
    return settings


def _land(lake: Lake, spark: SparkSession, hours: int, events: int) -> float:
    """Land new records of both sources, a bad one of each, as a tick does; return the CPU seconds of that."""
    at = BEGIN + timedelta(hours=hours, minutes=1)
    plays = events // PLAYS_EACH
    batches = []
    for dataset, count in ((SHOWN, events - plays), (PLAYED, plays)):
        first = landed_through(lake, dataset, dataset)["topic/0"]
        records = [("topic/0", first + place, line, at) for place, line in enumerate(_lines(dataset, first, count))]
        lines = spark.createDataFrame(records, "file string, line long, payload string, landed_ts timestamp").persist()
        lines.count()
        batches.append((lake.registry.get(dataset), lines))
    begun = _cpu_s()
    for contract, lines in batches:
        land_batch(lake, contract, lines, at)
    return _cpu_s() - begun


def _lines(dataset: str, first: int, count: int) -> Iterator[str]:
    make, ts = streams.impression if dataset == SHOWN else streams.play, BEGIN.isoformat()
    yield "{"
    for number in range(first + 1, first + count):
        yield json.dumps(make(number, ts))


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of all that it has started."""
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children(recursive=True))]
    return sum(spent.user + spent.system for spent in times)
