"""The launcher of the embedded stack: what it checks, what it sets, and which processes it stops."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import psutil
import pytest

from matinee.engine import processes
from matinee.engine.processes import find, log_of, pid_file, remember, spawn, stop_all, tail_of
from matinee.engine.server import SPARK, free_port, running_remote
from matinee.errors import EngineUnavailableError, EnvironmentNotReadyError, MatineeError, UsageError
from matinee.settings import Settings, load_settings
from matinee.stack import checks, start, status, stop
from matinee.stack.api import WITHIN, AirflowApi
from matinee.stack.environment import airflow_environment

# A parent with a child in a process group of its own, as Airflow's task processes are.
FAMILY = """
import subprocess, time
child = subprocess.Popen(["sleep", "60"], process_group=0)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    loaded = load_settings(home=tmp_path / "home")
    loaded.run_dir.mkdir(parents=True)
    return loaded


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def wait_until_up(settings: Settings, name: str) -> psutil.Process:
    deadline = time.monotonic() + 10
    while "up" not in tail_of(settings, name) and time.monotonic() < deadline:
        time.sleep(0.05)
    process = find(settings, name)
    assert process is not None
    return process


@pytest.mark.parametrize("setting", ["MATINEE_SPARK_PORT", "MATINEE_AIRFLOW_PORT"])
def test_a_taken_port_is_one_line_that_names_the_way_out(
    settings: Settings, taken_port: int, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other port must be free, whatever runs on this machine.
    for name in ("MATINEE_SPARK_PORT", "MATINEE_AIRFLOW_PORT"):
        monkeypatch.setenv(name, str(taken_port if name == setting else free_port()))
    with pytest.raises(EnvironmentNotReadyError, match=f"Port {taken_port} is taken.*{setting}"):
        start(settings, lambda _: None)


def test_a_missing_java_is_one_line_that_names_the_way_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EnvironmentNotReadyError, match=r"Java was not found.*Install a Java 17 or 21"):
        start(settings, lambda _: None)


def test_a_full_disk_is_one_line_that_names_the_way_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 2**60)
    with pytest.raises(EnvironmentNotReadyError, match=r"GiB are free.*MATINEE_HOME"):
        start(settings, lambda _: None)


def test_a_home_that_airflow_would_read_as_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotReadyError, match=r"\$HOME holds the name of a variable.*MATINEE_HOME"):
        start(load_settings(home=tmp_path / "$HOME"), lambda _: None)


def test_a_running_stack_is_not_started_twice(settings: Settings) -> None:
    spawn(settings, "airflow-scheduler", [sys.executable, "-c", FAMILY], {})
    try:
        with pytest.raises(EnvironmentNotReadyError, match=r"already runs.*airflow-scheduler.*make down"):
            start(settings, lambda _: None)
    finally:
        stop(settings)


def test_every_address_is_on_the_loopback_interface(settings: Settings) -> None:
    environment = airflow_environment(settings)
    addresses = [value for name, value in environment.items() if "URL" in name and "AIRFLOW" in name]
    assert len(addresses) == 2
    assert all("://127.0.0.1:" in address for address in addresses)
    # Spark's own clients send a token without TLS to this name only.
    assert environment["SPARK_REMOTE"] == "sc://localhost:15002"


def test_the_secret_is_long_private_and_stays_the_same(settings: Settings) -> None:
    first, second = (airflow_environment(settings)["AIRFLOW__API_AUTH__JWT_SECRET"] for _ in range(2))
    assert first == second
    assert len(first.encode()) >= 64
    assert (settings.home / "airflow" / "jwt-secret").stat().st_mode & 0o777 == 0o600


def test_the_variables_of_another_airflow_are_left_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_THEIRS", "http://elsewhere")
    environment = airflow_environment(settings)
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW_CONN_THEIRS" not in environment


def test_stopping_ends_a_component_and_its_children_in_other_groups(settings: Settings) -> None:
    spawn(settings, "some", [sys.executable, "-c", FAMILY], {"PATH": "/usr/bin:/bin"})
    process = wait_until_up(settings, "some")
    family = [process, *process.children(recursive=True)]
    assert len(family) == 2
    assert stop_all(settings, ["some"]) == ["some"]
    assert not [member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]
    assert not pid_file(settings, "some").exists()


def test_a_stale_pid_file_is_not_a_running_component(settings: Settings) -> None:
    ended = subprocess.Popen(["true"])
    remember(settings, "some", ended.pid)
    ended.wait()
    assert find(settings, "some") is None
    assert stop_all(settings, ["some"]) == []


def test_a_process_that_got_the_pid_of_an_engine_is_no_engine(settings: Settings) -> None:
    remember(settings, SPARK, os.getpid(), "sc://127.0.0.1:1")
    assert running_remote(settings) == "sc://127.0.0.1:1"
    for stale in (f"{os.getpid()} 12345.0 sc://127.0.0.1:1\n", "1 12345.0 sc://127.0.0.1:1\n", "x", "", "\n"):
        pid_file(settings, SPARK).write_text(stale)
        assert running_remote(settings) is None


def test_a_start_keeps_the_log_of_the_run_before(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "KEPT_LOGS", 2)
    for number in range(4):
        log_of(settings, "some").write_text(str(number))
        spawn(settings, "some", ["/bin/true"], {})
    kept = sorted(settings.run_dir.glob("some.*.log"))
    assert [log.read_text() for log in kept] == ["2", "3"]


def test_a_process_that_got_the_pid_later_is_never_taken_for_ours(settings: Settings) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        pid_file(settings, "some").write_text(f"{stranger.pid} 12345.0\n")
        assert find(settings, "some") is None
        stop_all(settings, ["some"])
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_status_names_every_component_also_where_none_runs(settings: Settings) -> None:
    assert {component.name: component.pid for component in status(settings)} == dict.fromkeys(
        (
            "spark-connect-server",
            "spark-supervisor",
            "airflow-api-server",
            "airflow-scheduler",
            "airflow-dag-processor",
            "airflow-triggerer",
            "alerts-watcher",
        )
    )


def test_an_airflow_that_does_not_answer_is_a_clear_error() -> None:
    api = AirflowApi("http://127.0.0.1:9")
    assert api.health() == {}
    with pytest.raises(EngineUnavailableError, match=r"Airflow does not answer at http://127.0.0.1:9.*make up"):
        api.dag_ids()


class Refuser(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(HTTPStatus(int(self.path.split("/")[1])))

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("status", "error"), [(404, UsageError), (503, EngineUnavailableError)])
def test_airflow_is_asked_past_every_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[MatineeError]
) -> None:
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with HTTPServer(("127.0.0.1", 0), Refuser) as server:
        Thread(target=server.handle_request).start()
        with pytest.raises(error) as raised:
            AirflowApi(f"http://127.0.0.1:{server.server_port}/{status}").dag_ids()
    assert str(status) in str(raised.value.facts)


class Pools(Refuser):
    """An Airflow that has the pool already; it keeps what it is told."""

    told: ClassVar[list[dict[str, object]]] = []
    pool: ClassVar[dict[str, object]] = {"name": "spark", "slots": 1, "include_deferred": False} | dict.fromkeys(
        ("occupied_slots", "running_slots", "queued_slots", "scheduled_slots", "open_slots", "deferred_slots"), 0
    )

    def do_GET(self) -> None:
        self.answer({"pools": [self.pool], "total_entries": 1})

    def do_PATCH(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(self.pool)

    def answer(self, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def test_a_pool_of_an_earlier_start_gets_its_slots() -> None:
    with HTTPServer(("127.0.0.1", 0), Pools) as server:
        Thread(target=lambda: [server.handle_request() for _ in range(2)]).start()
        AirflowApi(f"http://127.0.0.1:{server.server_port}").ensure_pool("spark", 3)
    assert Pools.told == [{"pool": "spark", "slots": 3, "include_deferred": False}]


class Other(Refuser):
    body, kind = b"{}", "application/json"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)


@pytest.mark.parametrize(("body", "kind"), [(b"{}", "application/json"), (b"<html>", "text/html")])
def test_what_answers_and_is_no_airflow_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, body: bytes, kind: str
) -> None:
    monkeypatch.setattr(Other, "body", body)
    monkeypatch.setattr(Other, "kind", kind)
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.handle_request).start()
        with pytest.raises(EngineUnavailableError, match="does not answer at"):
            AirflowApi(f"http://127.0.0.1:{server.server_port}").dag_ids()


def test_an_airflow_that_is_silent_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WITHIN, "_request_timeout", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(EngineUnavailableError, match="does not answer"):
            AirflowApi(f"http://127.0.0.1:{silent.getsockname()[1]}").dag_ids()
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "https_proxy"])
def test_a_socks_proxy_keeps_no_task_from_its_airflow(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "socks5h://127.0.0.1:9")
    assert name not in airflow_environment(settings)
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert name in airflow_environment(settings)


def test_calls_on_this_machine_pass_proxies_and_others_go_as_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "example.org")
    environment = airflow_environment(settings)
    assert environment["NO_PROXY"] == environment["no_proxy"] == "127.0.0.1,localhost,example.org"
