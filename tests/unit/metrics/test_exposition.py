"""Prometheus gets the metrics from a server on this machine, or from a file."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from prometheus_client import Metric
from tests.support.lakes import make_lake

from matinee.errors import CatalogUnavailableError, EnvironmentNotReadyError, UsageError
from matinee.metrics.collector import Metrics
from matinee.metrics.exposition import LOOPBACK, serving, write
from matinee.metrics.gauges import gauge
from matinee.settings import Settings
from matinee.table.catalog import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "home")


def fine(_: Settings) -> Iterator[Metric]:
    yield gauge("whole", "Told.", ("name",), [(('a"\n',), 1)])


def test_a_file_holds_the_metrics_and_others_can_read_the_file(lake: Lake, tmp_path: Path) -> None:
    file, mask = tmp_path / "matinee.prom", os.umask(0o022)
    try:
        write(Metrics(lake.settings, {"fine": fine}), file)
    finally:
        os.umask(mask)
    assert 'matinee_whole{name="a\\"\\n"} 1.0' in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    with pytest.raises(CatalogUnavailableError, match="A file is missing"):
        write(Metrics(lake.settings, {"fine": fine}), tmp_path / "no" / "matinee.prom")


def test_a_server_answers_on_the_loopback_interface_until_its_end(lake: Lake) -> None:
    direct = build_opener(ProxyHandler({}))
    with serving(Metrics(lake.settings, {"fine": fine}), 0) as address:
        assert address.startswith(f"http://{LOOPBACK}:")
        assert b"matinee_source_up" in direct.open(address, timeout=5).read()
        port = int(address.split(":")[2].split("/")[0])
        with pytest.raises(EnvironmentNotReadyError, match=f"listens on port {port}"):
            serving(Metrics(lake.settings, {}), port).__enter__()
    with pytest.raises(UsageError, match="70000 is no port"):
        serving(Metrics(lake.settings, {}), 70000).__enter__()
    with pytest.raises(OSError, match="refused"):
        direct.open(address, timeout=5)
