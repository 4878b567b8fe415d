"""kill -9 at each step of a tick, of a folder and of Kafka: the next one goes on, and agrees with the batch."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.support import streams
from tests.support.kills import die, points_of
from tests.support.lakes import D1

from matinee.contracts.model import live_name
from matinee.engine.session import spark_session
from matinee.live.impressions import LIVE, OUTCOMES
from matinee.live.progress import progress
from matinee.live.repair import expire
from matinee.live.tick import tick
from matinee.settings import CHECKOUT, Settings, load_settings
from matinee.sources.files.folder import Folder
from matinee.sources.kafka.records import Topics
from matinee.stack.broker import broker
from matinee.table.catalog import Lake

pytestmark = [pytest.mark.spark, pytest.mark.sail]
STREAM, PARITY = str(CHECKOUT / "jobs" / "stream.py"), str(CHECKOUT / "jobs" / "parity.py")
#: Points of a record's landing are reached beside the engine; the others by the process that ticks.
OF_TICK = [point for point in points_of("stream") if point not in {"stream.after_quarantine", "stream.after_raw"}]
KILLS = 24


@pytest.mark.slow
@pytest.mark.parametrize("point", OF_TICK)
def test_a_tick_that_was_killed_is_finished_by_the_next(settings: Settings, tmp_path: Path, point: str) -> None:
    folder = tmp_path / "landing"
    streams.drop_files(folder, "1", [streams.impression(1)], [streams.play(1)])
    die(settings, point, tmp_path / "marker", STREAM, "--from", str(folder))
    streams.drop_files(folder, "2", [streams.impression(2)], [streams.play(2)])
    streams.drop_files(folder, "3", *streams.END)
    tick(settings, Folder(folder))
    streams.assert_stream_is_batch(settings)


@pytest.mark.slow
@pytest.mark.parametrize("point", points_of("parity"))
def test_an_end_of_live_days_that_was_killed_is_finished_by_the_next(
    settings: Settings, tmp_path: Path, point: str
) -> None:
    folder = tmp_path / "landing"
    streams.drop_files(folder, "1", [streams.impression(1)], [streams.play(1)])
    streams.drop_files(folder, "2", [streams.impression(2, f"{date(2026, 3, 12)}T00:00:00Z")])
    streams.drop_files(folder, "3", plays=[streams.play(2, f"{date(2026, 3, 12)}T00:00:00Z")])
    tick(settings, Folder(folder))
    streams.batch(settings, date(2026, 3, 11))
    die(settings, point, tmp_path / "marker", PARITY)
    assert expire(settings) is not None
    lake = Lake.open(settings)
    assert {progress(lake, dataset).expired for dataset in LIVE} == {date(2026, 3, 3)}
    days = lake.table(live_name(OUTCOMES)).scan().to_arrow()["event_day"].to_pylist()
    assert D1 not in days


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with broker(load_settings(home=tmp_path_factory.mktemp("broker"), catalog="embedded")) as address:
        yield address


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_stream_that_is_killed_all_the_time_loses_and_doubles_nothing(
    settings: Settings, servers: str, tmp_path: Path
) -> None:
    """Every point in turn, each time with new records; now and then the checkpoint goes, too."""
    points = points_of("stream")
    for number in range(KILLS):
        with spark_session(settings) as spark:
            late = f"2026-03-01T{number % 24:02d}:30:00Z"
            streams.produce(spark, servers, [streams.impression(number, late)], [streams.play(number, late)])
            streams.send(spark, servers, "plays", [(f"a{number}", "no JSON")])
        kill_once(settings, servers, points[number % len(points)], tmp_path / f"marker{number}")
        if number % 8 == 7:
            shutil.rmtree(settings.home / "stream", ignore_errors=True)
    with spark_session(settings) as spark:
        streams.produce(spark, servers, *streams.END)
    tick(settings, Topics(servers))
    streams.assert_stream_is_batch(settings)
    assert Lake.open(settings).table("raw.quarantine").scan().to_arrow().num_rows == KILLS


def kill_once(settings: Settings, servers: str, point: str, marker: Path) -> None:
    """Tick on an engine of its own; whatever reaches the point first, beside the engine or in front of it, dies."""
    environment = os.environ | {
        "MATINEE_HOME": str(settings.home),
        "MATINEE_FAULT": point,
        "MATINEE_FAULT_MARKER": str(marker),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    environment.pop("SPARK_REMOTE", None)
    command = [sys.executable, STREAM, "--servers", servers]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode != 0, done.stderr
    assert marker.read_text().strip() == point
