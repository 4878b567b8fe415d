"""Whatever is down is a signal about that resource, and other sources are looked at."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.alerts import T0

from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import airflow
from matinee.alerts.signals.failures import Failed, Why, signal_of
from matinee.alerts.signals.outlook import Outlook
from matinee.alerts.signals.registry import SOURCES
from matinee.alerts.signals.sources import look
from matinee.contracts.registry import Registry
from matinee.engine.processes import remember
from matinee.engine.server import SPARK
from matinee.errors import ContractError
from matinee.private import private_folder
from matinee.settings import CHECKOUT, load_settings
from matinee.stack.supervisor import NAME as SUPERVISOR

PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
EMPTY = {"total_entries": 0}


def outlook(home: Path, airflow_at: str | None = None, **settings: object) -> Outlook:
    stated = {"catalog": "embedded", "spark_remote": None} | settings
    return Outlook(load_settings(home=home, **stated), AlertSettings(alerts_airflow=airflow_at), T0)  # type: ignore[arg-type]


@contextmanager
def airflow_api(**states: str) -> Iterator[str]:
    """An Airflow without runs, whose parts have states."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = {part: {"status": states.get(part, "healthy")} for part in PARTS}
            empty = EMPTY | {"dag_runs": [], "task_instances": [], "import_errors": []}
            body = json.dumps(parts if self.path.endswith("health") else empty).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def causes(seen: Outlook) -> set[str]:
    return {str(signal.identity) for signal in look(SOURCES, seen, 20).signals if signal.kind == "source"}


def test_a_lake_without_trouble_shows_no_source(tmp_path: Path) -> None:
    with airflow_api() as url:
        assert causes(outlook(tmp_path, url)) == set()


def test_an_airflow_that_does_not_answer_is_its_own_cause(tmp_path: Path) -> None:
    seen = look(SOURCES, outlook(tmp_path, "http://127.0.0.1:9"), 20)
    assert {str(signal.identity) for signal in seen.signals if signal.kind == "source"} == {"airflow unavailable"}
    assert seen.blind == {"failure", "time_to_complete", "upkeep"}


def test_a_dead_scheduler_is_a_cause(tmp_path: Path) -> None:
    with airflow_api(scheduler="unhealthy") as url:
        assert [str(signal.identity) for signal in airflow.look(outlook(tmp_path, url))] == [
            "airflow scheduler unavailable"
        ]


def test_a_wrong_contract_is_one_cause_and_others_are_looked_at(tmp_path: Path) -> None:
    sql = shutil.copytree(CHECKOUT / "sql", tmp_path / "sql")
    contract = sql / "core" / "plays" / "contract.odcs.yaml"
    contract.write_text(contract.read_text().replace("timestamptz", "timestampz"))
    with airflow_api() as url:
        seen = look(SOURCES, outlook(tmp_path, url, sql_dir=sql), 20)
    [wrong] = [signal for signal in seen.signals if signal.kind != "disk"]
    [cause] = [edge.to for edge in wrong.edges]
    assert (wrong.dataset, cause.subject.startswith(f"ContractError: {contract}:")) == ("core.plays", True)
    assert seen.blind == set()
    # A task that the same contract stops follows from the same cause.
    with pytest.raises(ContractError) as stopped:
        Registry.load(sql).get("core.plays")
    why = Why.of(f"matinee.errors.ContractError: {stopped.value}".encode())
    failed = Failed("plays_daily", "r", "plays.write", -1, 1, T0, "2026-03-04")
    assert [edge.to for edge in signal_of(failed, why, [], [], "http://a").edges] == [cause]


def test_an_engine_that_does_not_listen_is_a_cause(tmp_path: Path) -> None:
    assert causes(outlook(tmp_path, spark_remote="sc://127.0.0.1:9")) == {"spark unavailable"}


def test_a_dead_engine_is_a_cause_though_another_program_took_its_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, subprocess.Popen(["sleep", "60"]) as stack:
        remote = f"sc://127.0.0.1:{other.getsockname()[1]}"
        seen = outlook(tmp_path, spark_remote=remote)
        private_folder(seen.settings.run_dir)
        remember(seen.settings, SUPERVISOR, stack.pid)
        with subprocess.Popen(["true"]) as engine:
            remember(seen.settings, SPARK, engine.pid, remote)
        assert causes(seen) == {"spark unavailable"}
        stack.kill()


@pytest.mark.filterwarnings("ignore")
def test_a_catalog_that_does_not_answer_is_one_cause(tmp_path: Path) -> None:
    uri = "postgresql://u:p@127.0.0.1:9/lake"
    seen = outlook(tmp_path, catalog="postgres", catalog_uri=uri, warehouse=str(tmp_path / "w"))
    assert causes(seen) == {"catalog unavailable"}
