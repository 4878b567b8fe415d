"""All sources are told, whatever source fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from tests.support.lakes import make_lake
from tests.support.metrics import publish, told

from matinee.errors import StaleInputsError
from matinee.metrics.collector import Metrics
from matinee.metrics.gauges import gauge
from matinee.metrics.heals import heals
from matinee.metrics.stream import stream
from matinee.metrics.tables import tables
from matinee.metrics.trust import trust
from matinee.readout.failures import failures
from matinee.settings import Settings
from matinee.table.catalog import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def broken(_: Settings) -> Iterator[Metric]:
    yield gauge("half", "Told before the fault.", (), [((), 1)])
    raise StaleInputsError("s3cr3t", next_step="n")


def fine(_: Settings) -> Iterator[Metric]:
    yield gauge("whole", "Told.", ("name",), [(('a"\n',), 1)])


def test_a_source_that_fails_is_told_and_hides_no_other(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    seen = told(Metrics(lake.settings, {"broken": broken, "fine": fine}).collect())
    assert seen == {("whole", 'a"\n'): 1, ("source_up", "broken"): 0, ("source_up", "fine"): 1}
    assert "The metrics of 'broken' are missing" in caplog.text


def test_a_new_lake_has_nothing_to_tell(lake: Lake) -> None:
    seen = told([*trust(lake.settings), *stream(lake.settings), *heals(lake.settings), *failures(lake.settings)])
    assert {name for name, *_ in seen} == {"freshness_target_seconds", "publications"}


def test_no_metric_is_told_twice(lake: Lake) -> None:
    publish(lake)
    registry = CollectorRegistry()
    sources = {"trust": trust, "tables": tables, "stream": stream, "heals": heals, "failures": failures}
    registry.register(Metrics(lake.settings, sources))
    helps = [line.split()[2] for line in generate_latest(registry).decode().splitlines() if line.startswith("# HELP")]
    assert len(helps) == len(set(helps)) > 10
