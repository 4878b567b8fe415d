"""Ticks of the stream: how long an event waits until its live row is there, and what a tick on a full table costs."""

import json
import shutil
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

import numpy as np

from matinee.contracts.model import live_name
from matinee.engine.server import own_server
from matinee.engine.session import spark_session
from matinee.landing.model import Landing
from matinee.live.catch_up import update_live
from matinee.live.driver import run_every
from matinee.live.impressions import OUTCOMES, SOURCES
from matinee.live.progress import PROGRESS, Progress
from matinee.settings import Settings, load_settings
from matinee.sources.kafka.records import Topics
from matinee.stack.broker import broker
from matinee.stack.producer import Producer
from matinee.table import refs
from matinee.table.catalog import Lake
from tests.support.lakes import arrow, at, raw_impression, raw_play

EVERY = timedelta(seconds=15)
PLAYS_EACH = 12
FIRST = date(2026, 3, 1)


@dataclass(frozen=True)
class Waits:
    """How long events waited from their sending to their live row, in seconds."""

    events: int
    median_s: float
    p95_s: float
    longest_s: float


def measure_latency(home: Path, rate: int, seconds: int) -> Waits:
    """Send so many events a second for so long, while the stream runs, and look when each had its live row."""
    shutil.rmtree(home, ignore_errors=True)
    settings = load_settings(home=home, catalog="embedded", spark_remote=None, spark_memory="3g")
    with broker(settings) as servers, own_server(settings) as remote:
        running = settings.model_copy(update={"spark_remote": remote})
        run_every(running, Topics(servers), EVERY, lambda _: None, ticks=1)  # The engine is warm, the tables are there.
        sender = threading.Thread(target=_send, args=(servers, rate, seconds))
        sender.start()
        run_every(running, Topics(servers), EVERY, lambda _: None, ticks=seconds // int(EVERY.total_seconds()) + 3)
        sender.join()
    return _waits(Lake.open(settings))


def _send(servers: str, rate: int, seconds: int) -> None:
    begun, sent = time.monotonic(), 0
    with Producer(servers, ("impressions", "plays")) as producer:
        while sent < rate * seconds:
            for _ in range(rate // 10):
                topic, key, event = _event(sent)
                producer.send(topic, key, json.dumps(event))
                sent += 1
            producer.flush()
            time.sleep(max(sent / rate - (time.monotonic() - begun), 0))


def _event(number: int) -> tuple[str, str, dict[str, object]]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shown = number - number % PLAYS_EACH
    is_play = number % PLAYS_EACH == PLAYS_EACH - 1
    profile, title = f"p{(shown if is_play else number) % 50_000}", f"t{(shown if is_play else number) % 997}"
    event: dict[str, object] = {"profile_id": profile, "title_id": title, "received_ts": now}
    if is_play:
        return "plays", profile, event | {"play_id": f"p{number}", "start_ts": now}
    return "impressions", profile, event | {"event_id": f"e{number}", "event_ts": now, "row": 1, "position": 1}


def _waits(lake: Lake) -> Waits:
    table = lake.table(live_name(OUTCOMES))
    commits = [
        (table.metadata.snapshot_by_id(snapshot_id).timestamp_ms, Progress.from_summary(summary).read)  # type: ignore[union-attr]
        for snapshot_id, summary in refs.summaries(table)
        if PROGRESS in summary
    ]
    commits.sort(key=lambda commit: commit[0])
    waits: list[float] = []
    for dataset in SOURCES:
        reached = [read[dataset] for _, read in commits]
        rows = lake.table(dataset).scan(selected_fields=("landing_seq", "received_ts")).to_arrow()
        sent = np.array(rows["received_ts"].cast("int64")) / 1e6
        at_ms = [commits[bisect_left(reached, seq)][0] for seq in range(max(reached) + 1)]
        waits += list(np.array(at_ms)[np.array(rows["landing_seq"])] / 1e3 - sent)
    parts = quantiles(waits, n=20)
    return Waits(len(waits), median(waits), parts[18], max(waits))


def measure_tick(home: Path, days: int, rows: int, batch: int, rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds of a step on live tables of so many days, and on empty ones, round by round."""
    lakes = []
    for name, full in (("full", True), ("empty", False)):
        shutil.rmtree(home / name, ignore_errors=True)
        lakes.append(load_settings(home=home / name, catalog="embedded", spark_remote=None, spark_memory="3g"))
        if full:
            for number in range(days):
                _land(Lake.open(lakes[0]), FIRST + timedelta(days=number), rows, number + 1)
    taken: tuple[list[float], list[float]] = ([], [])
    with own_server(lakes[0]) as remote:
        running = [settings.model_copy(update={"spark_remote": remote}) for settings in lakes]
        _step(running[0])
        for number in range(rounds + 1):
            for place, settings in enumerate(running):
                _land(Lake.open(settings), FIRST + timedelta(days=days), batch, days + number + 1)
                seconds = _step(settings)
                if number:  # The first one makes the empty tables.
                    taken[place].append(seconds)
    return taken


def _step(settings: Settings) -> float:
    lake = Lake.open(settings)
    with spark_session(settings) as spark:
        spark.sql("SELECT 1").collect()
        begun = time.monotonic()
        update_live(lake, spark)
        return time.monotonic() - begun


def _land(lake: Lake, day: date, rows: int, number: int) -> None:
    """Land impressions of a day, and a twelfth as many plays."""
    for dataset, events in (
        ("raw.impressions", list(_impressions(day, rows, number))),
        ("raw.plays", list(_plays(day, rows, number))),
    ):
        table, name = lake.ensure(dataset), f"{dataset}-{number}"
        landing = Landing(dataset, name, name, len(events), len(events), 0, {}, at(day), landing_seq=number)
        table.append(arrow(table, events), snapshot_properties=landing.to_summary())


def _impressions(day: date, rows: int, number: int) -> Iterator[dict[str, object]]:
    for row in range(rows):
        name = f"{number}-{row}"
        keys = {"profile_id": f"p{row % 5_003}", "title_id": f"t{row % 997}"}
        yield raw_impression(day, name, event_ts=at(day, timedelta(seconds=row % 80_000)), landing_seq=number, **keys)


def _plays(day: date, rows: int, number: int) -> Iterator[dict[str, object]]:
    for row in range(0, rows, PLAYS_EACH):
        name = f"{number}-{row}"
        keys = {"profile_id": f"p{row % 5_003}", "title_id": f"t{row % 997}"}
        yield raw_play(day, name, start_ts=at(day, timedelta(seconds=row % 80_000 + 60)), landing_seq=number, **keys)
