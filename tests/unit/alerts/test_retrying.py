"""Failed tasks that show an incident are cleared in Airflow, and no other task."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.alerts import CATALOG, T0, journal_in, rule, signal

from matinee.alerts.evaluation import evaluate
from matinee.alerts.journal.store import Journal
from matinee.alerts.journal.tables import INCIDENTS, NOTES
from matinee.alerts.retrying import airflow_of, retry
from matinee.errors import SettingsError, UsageError
from matinee.settings import load_settings
from matinee.stack.api import AirflowApi


def task(run: str, name: str, map_index: int = -1) -> dict[str, object]:
    names = dict.fromkeys(("dag_id", "dag_display_name"), "daily") | dict.fromkeys(
        ("task_id", "task_display_name"), name
    )
    numbers = {"map_index": map_index, "max_tries": 0, "pool_slots": 1, "try_number": 1}
    texts = {"executor_config": "{}", "pool": "default_pool", "id": "00000000-0000-0000-0000-000000000000"}
    return {**names, **numbers, **texts, "dag_run_id": run, "run_after": T0.isoformat(), "state": "failed"}


class Airflow(ThreadingHTTPServer):
    """An Airflow with four failed tasks, which notes what is cleared."""

    tasks = (task("r1", "a"), task("r1", "b", 3), task("r1", "c"), task("r2", "a"))
    cleared: list[dict[str, object]]


class Handler(BaseHTTPRequestHandler):
    server: Airflow

    def do_GET(self) -> None:
        self.reply({"task_instances": self.server.tasks, "total_entries": len(self.server.tasks)})

    def do_POST(self) -> None:
        self.server.cleared.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.reply({"task_instances": [], "total_entries": 0})

    def reply(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Airflow]:
    with Airflow(("127.0.0.1", 0), Handler) as server:
        server.cleared = []
        threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal with an incident that three of the tasks show."""
    journal = journal_in(tmp_path)
    shown = [signal(CATALOG, witness=f"daily {name}") for name in ("r1 a", "r1 b[3]", "r2 a")]
    with journal.begin() as entries:
        evaluate(entries, shown, [rule()], T0, ())
    yield journal
    journal.close()


def tried(journal: Journal, server: Airflow, name: str = "") -> list[str]:
    with journal.begin() as entries:
        known = entries.all(INCIDENTS)[0].incident_id
    return retry(journal, AirflowApi(f"http://127.0.0.1:{server.server_port}"), name or known, "ana", "it answers", T0)


def test_the_tasks_that_show_an_incident_are_cleared_run_by_run(journal: Journal, server: Airflow) -> None:
    assert tried(journal, server) == ["daily r1 a", "daily r1 b[3]", "daily r2 a"]
    assert [(each["dag_run_id"], each["task_ids"]) for each in server.cleared] == [
        ("r1", ["a", ["b", 3]]),
        ("r2", ["a"]),
    ]
    assert all(each["only_failed"] and each["include_downstream"] and not each["dry_run"] for each in server.cleared)


def test_who_let_tasks_be_tried_again_stands_in_the_journal(journal: Journal, server: Airflow) -> None:
    tried(journal, server)
    with journal.begin() as entries:
        note = entries.all(NOTES)[-1]
    assert (note.event, note.who, note.why) == ("retried", "ana", "3 tasks: it answers")


def test_an_unknown_incident_clears_nothing(journal: Journal, server: Airflow) -> None:
    with pytest.raises(UsageError, match="No incident is called x"):
        tried(journal, server, "x")
    assert server.cleared == []


def test_without_an_airflow_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MATINEE_ALERTS_AIRFLOW"):
        airflow_of(load_settings(home=tmp_path, catalog="embedded", spark_remote=None))
