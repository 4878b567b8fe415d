"""What Airflow tells of failed tasks, whatever names its DAGs share and whichever logs it does not give."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.alerts import MINUTE, T0

from matinee.alerts.model import Signal
from matinee.alerts.settings import AlertSettings
from matinee.alerts.signals import airflow, whys
from matinee.alerts.signals.outlook import Outlook
from matinee.settings import load_settings

RUN = "scheduled__2026-03-05"
#: A task of each of these DAGs has failed in the run of the same name, on another day.
DAYS = {"plays_daily": "2026-03-03", "raw_daily": "2026-03-04"}
WHEN = T0.isoformat()


def task_of(dag: str) -> dict[str, object]:
    names = dict.fromkeys(("dag_id", "dag_display_name"), dag) | dict.fromkeys(("task_id", "task_display_name"), "load")
    numbers = {"map_index": -1, "max_tries": 0, "pool_slots": 1, "try_number": 1}
    texts = {"executor_config": "{}", "pool": "default_pool", "id": "00000000-0000-0000-0000-000000000000"}
    return {**names, **numbers, **texts, "dag_run_id": RUN, "run_after": WHEN, "end_date": WHEN, "state": "failed"}


def run_of(dag: str) -> dict[str, object]:
    names = dict.fromkeys(("dag_id", "dag_display_name"), dag)
    kind = {"run_type": "scheduled", "state": "failed", "partition_key": DAYS[dag]}
    return {**names, **kind, "dag_run_id": RUN, "dag_versions": [], "run_after": WHEN}


class Airflow(ThreadingHTTPServer):
    """An Airflow with a failed task for each DAG; the logs of some DAGs are not given."""

    without_log: set[str]
    import_errors: tuple[dict[str, object], ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str) -> object:
        """Return the answer of a path; None: refuse."""
        parts = path.partition("?")[0].strip("/").split("/")
        dag = parts[3] if len(parts) > 3 else ""
        match parts[-1]:
            case "health":
                return {}
            case "importErrors":
                return {"import_errors": self.import_errors, "total_entries": len(self.import_errors)}
            case "taskInstances" | "list":
                return {"task_instances": [task_of(each) for each in DAYS], "total_entries": len(DAYS)}
            case "dagRuns" if dag in DAYS and "state=" not in path:
                return {"dag_runs": [run_of(dag)], "total_entries": 1}
            case "dagRuns":
                return {"dag_runs": [], "total_entries": 0}
            case "1" if dag not in self.without_log:
                return {"content": ["matinee.errors.UnreadableError: /landing is not there. Next: make it"]}
        return None


class Handler(BaseHTTPRequestHandler):
    server: Airflow

    def do_GET(self) -> None:
        answer = self.server.answer(self.path)
        body = json.dumps(answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Airflow]:
    with Airflow(("127.0.0.1", 0), Handler) as server:
        server.without_log = set()
        threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def outlook(server: Airflow, tmp_path: Path) -> Outlook:
    settings = load_settings(home=tmp_path, catalog="embedded", spark_remote=None)
    return Outlook(settings, AlertSettings(alerts_airflow=server.url), T0)


def failures(outlook: Outlook) -> list[Signal]:
    return [signal for signal in airflow.look(outlook) if signal.kind == "failure"]


def test_runs_of_two_dags_with_one_name_keep_their_days(outlook: Outlook) -> None:
    assert {signal.dag: str(signal.identity.first) for signal in failures(outlook)} == DAYS


def test_a_failure_whose_log_is_not_given_is_told_all_the_same(server: Airflow, outlook: Outlook) -> None:
    server.without_log = {"raw_daily"}
    said = {signal.dag: signal.says.partition(": ")[2] for signal in failures(outlook)}
    assert said["raw_daily"] == "Airflow does not give its log"
    assert "/landing is not there" in said["plays_daily"]


def test_a_log_that_was_not_given_is_asked_for_again(server: Airflow, outlook: Outlook) -> None:
    server.without_log = {"raw_daily"}
    failures(outlook)
    server.without_log = set()
    at_once = failures(replace(outlook, at=T0 + MINUTE))
    later = failures(replace(outlook, at=T0 + whys.ASKED_AGAIN))
    assert [sum("/landing is not there" in signal.says for signal in told) for told in (at_once, later)] == [1, 2]


def test_logs_that_take_long_delay_no_look(outlook: Outlook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whys, "WITHIN_S", -1.0)
    assert failures(outlook) == []
    monkeypatch.undo()
    assert [signal for signal in failures(outlook) if "/landing is not there" in signal.says] == failures(outlook)
    assert len(failures(outlook)) == 2


def test_a_dag_file_that_cannot_be_imported_is_alarming_after_a_while(server: Airflow, outlook: Outlook) -> None:
    trace = "Traceback\nmatinee.errors.ContractError: plays.yaml:3: no column. Next: correct it"
    names = {"filename": "plays_daily.py", "bundle_name": "dags", "import_error_id": 1, "timestamp": WHEN}
    server.import_errors = (names | {"stack_trace": trace},)
    signal = next(each for each in failures(outlook) if each.witness == "import of plays_daily.py")
    assert [str(edge.to) for edge in signal.edges] == ["ContractError: plays.yaml:3: no column. raised"]
    assert signal.measured(T0) <= signal.limit < signal.measured(T0 + 4 * MINUTE)
    later = replace(outlook, at=T0 + 4 * MINUTE)
    assert signal in failures(later)


def test_a_wrong_contract_does_not_hide_failed_tasks(server: Airflow, tmp_path: Path) -> None:
    wrong = tmp_path / "sql" / "core" / "plays" / "contract.odcs.yaml"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("nothing")
    settings = load_settings(home=tmp_path, sql_dir=tmp_path / "sql", catalog="embedded", spark_remote=None)
    assert len(failures(Outlook(settings, AlertSettings(alerts_airflow=server.url), T0))) == 2
