"""Airflow's API gives the log of a task as the task wrote it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from matinee.errors import UsageError
from matinee.stack.api import AirflowApi

ENTRY = {"event": "Process exited", "timestamp": "2026-03-01T02:00:00Z", "level": "error", "exit_code": -9}


class Logs(BaseHTTPRequestHandler):
    """An Airflow that answers a call."""

    status: ClassVar[int] = 200
    answer: ClassVar[dict[str, object]] = {"content": [ENTRY], "continuation_token": None}

    def do_GET(self) -> None:
        body = json.dumps(self.answer).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Lost(Logs):
    answer: ClassVar[dict[str, object]] = {
        "content": [
            {"event": "::group::Log message source details"},
            {"event": "Could not read served logs: Hostname not available for worker."},
            {"event": "::endgroup::"},
        ]
    }


class Found(Logs):
    answer: ClassVar[dict[str, object]] = {
        "content": [
            {"event": "::group::Log message source details"},
            {"event": "/logs/attempt=1.log"},
            {"event": "::endgroup::"},
            ENTRY,
        ]
    }


class Refusing(Logs):
    status, answer = 404, {"detail": "no such task"}


@contextmanager
def airflow(answers: type[Logs]) -> Iterator[AirflowApi]:
    with HTTPServer(("127.0.0.1", 0), answers) as server:
        Thread(target=server.handle_request).start()
        yield AirflowApi(f"http://127.0.0.1:{server.server_port}")


def test_the_log_of_a_task_is_read_line_by_line() -> None:
    with airflow(Logs) as api:
        assert [json.loads(line) for line in api.task_log("plays", "r1", "plays.write", 1)] == [ENTRY]


def test_where_airflow_looked_for_a_log_is_none_of_its_lines() -> None:
    with airflow(Found) as api:
        assert [json.loads(line) for line in api.task_log("plays", "r1", "plays.write", 1)] == [ENTRY]


def test_a_log_that_airflow_has_lost_is_told_with_its_words() -> None:
    with airflow(Lost) as api, pytest.raises(UsageError, match=r"has no log of this try\. .*Hostname not available"):
        api.task_log("plays", "r1", "plays.write", 1)


def test_a_task_that_airflow_does_not_know_is_a_wrong_call() -> None:
    with airflow(Refusing) as api, pytest.raises(UsageError, match=r"404 .*no such task"):
        api.task_log("plays", "r1", "none", 1)
