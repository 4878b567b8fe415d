"""A real Prometheus scrapes `matinee metrics serve`, and its rules see a stale dataset."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest
from tests.support.catalogs import required
from tests.support.lakes import D1, PLANNED, core_play, land, make_lake, pin, prepare, raw_play

from matinee.days import end_of
from matinee.engine.server import free_port
from matinee.publication.move import move_to_main
from matinee.retries import wait_until
from matinee.settings import CHECKOUT

pytestmark = [pytest.mark.slow, pytest.mark.prometheus, pytest.mark.embedded]


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[None]:
    """Run a program, and end it with the block."""
    path = ":".join([str(CHECKOUT / "jobs"), *filter(None, sys.path)])
    with (folder / f"{Path(command[0]).name}.log").open("w") as log:
        process = subprocess.Popen(command, env={"PYTHONPATH": path} | environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


def asked(port: int, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
    """Return what Prometheus answers; None while it does not."""
    try:
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urlencode(query)}"
        with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
            return json.load(answer)["data"]
    except OSError:
        return None


def test_prometheus_scrapes_the_lake_and_pages_for_a_stale_dataset(tmp_path: Path) -> None:
    if not shutil.which("prometheus"):
        required("prometheus", "there is no prometheus")
    lake = make_lake(tmp_path / "home")
    land(lake, "raw.plays", [raw_play(D1)], received=PLANNED)
    move_to_main(
        lake, prepare(lake, "core.plays", D1, [core_play(D1)], pins=(pin(lake, "raw.plays", {D1: 1}),)), lambda _: ()
    )
    ours, theirs = free_port(), free_port()
    rules = tmp_path / "matinee.rules.yaml"
    rules.write_text((CHECKOUT / "deploy/prometheus/matinee.rules.yaml").read_text().replace("for: 10m", "for: 1s"))
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "matinee", "static_configs": [{"targets": [f"127.0.0.1:{ours}"]}]}],
    }
    (tmp_path / "prometheus.yaml").write_text(json.dumps(configuration))
    serve = [sys.executable, "-m", "matinee.cli.main", "metrics", "serve", "--port", str(ours)]
    scrape = [
        "prometheus",
        f"--config.file={tmp_path / 'prometheus.yaml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{theirs}",
    ]
    with running(serve, tmp_path, MATINEE_HOME=str(tmp_path / "home")), running(scrape, tmp_path):
        query = 'matinee_vtts_timestamp_seconds{dataset="core.plays"}'
        seen = wait_until(lambda: (asked(theirs, "query", query=query) or {}).get("result"), 60, 0.5)
        assert float(seen[0]["value"][1]) == end_of(D1).timestamp()
        stale = 'ALERTS{alertname="MatineeDatasetStale",alertstate="firing",dataset="core.plays"}'
        assert wait_until(lambda: (asked(theirs, "query", query=stale) or {}).get("result"), 60, 0.5)
        up = asked(theirs, "query", query="matinee_source_up")["result"]
        assert {series["value"][1] for series in up} == {"1"}
