"""Events for the tests of the stream, as landing files and as records of topics, and what the batch makes of them."""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from pyspark.sql import SparkSession

from matinee.contracts.model import live_name
from matinee.landing.ingest import close_through
from matinee.live.impressions import ATTRIBUTIONS, LIVE
from matinee.publication.request import RunRequest
from matinee.publication.steps import run
from matinee.settings import Settings
from matinee.table.catalog import Lake
from tests.support.lakes import D1, D2

CHAIN = ("core.impressions", "core.plays", ATTRIBUTIONS, "core.impression_plays")
Event = dict[str, object]


def impression(number: int, ts: str = "2026-03-01T12:00:00Z", **values: object) -> Event:
    """An impression as a producer sends it, received when it happened."""
    shown = {"event_id": f"e{number}", "profile_id": f"a{number}", "title_id": "t", "event_ts": ts}
    return shown | {"row": 1, "position": 1, "received_ts": ts} | values


def play(number: int, ts: str = "2026-03-01T12:05:00Z", **values: object) -> Event:
    """A play of the same profile and title, received when it started."""
    taken = {"play_id": f"p{number}", "profile_id": f"a{number}", "title_id": "t", "start_ts": ts, "received_ts": ts}
    return taken | values


#: After these events both sources have passed the second day: the first day is mature.
END = [impression(9001, "2026-03-04T00:00:00Z")], [play(9001, "2026-03-04T00:00:00Z")]


def drop_files(folder: Path, name: str, impressions: Iterable[Event] = (), plays: Iterable[Event] = ()) -> None:
    """Put landing files into a folder; a kind without events gets no file."""
    folder.mkdir(exist_ok=True)
    for word, events in (("impressions", impressions), ("plays", plays)):
        lines = "".join(json.dumps(event) + "\n" for event in events)
        if lines:
            (folder / f"{word}_{name}.jsonl").write_text(lines)


def produce(spark: SparkSession, servers: str, impressions: Iterable[Event] = (), plays: Iterable[Event] = ()) -> None:
    """Send records to the topics, each with its profile as key."""
    for topic, events in (("impressions", impressions), ("plays", plays)):
        send(spark, servers, topic, [(str(event["profile_id"]), json.dumps(event)) for event in events])


def send(spark: SparkSession, servers: str, topic: str, records: list[tuple[str, str]]) -> None:
    """Send records, as they are, to a topic."""
    if records:
        frame = spark.createDataFrame(records, "key string, value string")
        frame.write.format("kafka").option("kafka.bootstrap.servers", servers).option("topic", topic).save()


def rows(settings: Settings, dataset: str) -> list[str]:
    """The rows of a table as sorted texts."""
    records = Lake.open(settings).table(dataset).scan(row_filter=f"{_day(dataset)} <= '{D2}'").to_arrow().to_pylist()
    return sorted(str(sorted(row.items())) for row in records)


def _day(dataset: str) -> str:
    return "play_day" if "attributions" in dataset else "event_day"


def batch(settings: Settings, last: date = D2) -> None:
    """Publish what was landed up to a day by the daily path."""
    close_through(settings, None, last)
    for dataset in CHAIN:
        run(settings, RunRequest(dataset, D1, last))


def assert_stream_is_batch(settings: Settings) -> None:
    """Publish the landed days; every live row of the mature day is the batch's, and no live row is there twice."""
    batch(settings)
    assert_live_is_published(settings)


def assert_live_is_published(settings: Settings) -> None:
    """Every live row of the first day, which is mature, is one that was published, and none is there twice."""
    for dataset in LIVE:
        mature = [row for row in rows(settings, dataset) if "2026, 3, 1)" in row]
        live = [row for row in rows(settings, live_name(dataset)) if "2026, 3, 1)" in row]
        assert live == mature, dataset
