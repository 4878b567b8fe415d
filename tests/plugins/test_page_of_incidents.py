"""The page of incidents: what it shows, and who may say on it that somebody is at work on an incident."""

import uuid
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.alerts import T0, journal_in, rule, signal
from tests.support.lakes import make_lake
from tests.support.pages import OURS, client

from matinee.alerts.evaluation import evaluate
from matinee.alerts.journal.store import Journal
from matinee.alerts.model import Identity
from matinee.alerts.people import resolve
from matinee.private import private_folder
from matinee.table.catalog import Lake

if TYPE_CHECKING:
    from fastapi import FastAPI

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient. is deprecated"),
]
NOW = T0


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return make_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def app(lake: Lake) -> "FastAPI":
    from matinee_airflow.pages.app import make_app

    return make_app(lambda: lake.settings, lambda: NOW)


def opened(lake: Lake) -> "closing[Journal]":
    return closing(journal_in(private_folder(lake.settings.home / "alerts")))


@pytest.fixture
def incident(lake: Lake) -> str:
    """An open incident: a resource was unavailable to a task, whose error names a password."""
    cause = signal(Identity("unavailable", f"test {uuid.uuid4()}"), witness="task plays_daily")
    red = replace(cause, says="no answer, password=hunter2")
    with opened(lake) as journal, journal.begin() as entries:
        [change] = evaluate(entries, [red], [rule()], NOW, (), blind={"failure"})
    return change.incident.incident_id


def test_a_viewer_sees_what_is_wrong(app: "FastAPI", users: dict[str, str], incident: str) -> None:
    viewer = client(app, users["vic"])
    page, shown = viewer.get("/incidents").text, viewer.get(f"/incidents/{incident}").text
    assert incident in page
    assert "task plays_daily" in shown
    assert "hunter2" not in page + shown


def test_nobody_without_a_session_acknowledges_an_incident(app: "FastAPI", incident: str) -> None:
    answer = client(app).post(f"/incidents/{incident}/acknowledge", json={"reason": "I look"}, headers=OURS)
    assert answer.status_code == 401


@pytest.mark.parametrize(("user", "status"), [("vic", 403), ("una", 403), ("olaf", 403), ("ona", 200), ("ada", 200)])
def test_only_operators_acknowledge_an_incident(
    app: "FastAPI", users: dict[str, str], incident: str, user: str, status: int
) -> None:
    operator = client(app, users[user])
    answer = operator.post(f"/incidents/{incident}/acknowledge", json={"reason": "I look"}, headers=OURS)
    assert answer.status_code == status
    page = operator.get(f"/incidents/{incident}").text
    assert (f"<td>{user}</td><td>{user}: I look</td>" in page) is (status == 200)
    assert ("<button>Acknowledge" in page) is (status != 200)


@pytest.mark.parametrize(
    "headers",
    [{"x-matinee": "page", "origin": "http://elsewhere"}, {"x-matinee": "page"}, {"origin": "http://testserver"}],
)
def test_no_other_site_acknowledges_an_incident(
    app: "FastAPI", users: dict[str, str], incident: str, headers: dict[str, str]
) -> None:
    operator = client(app, users["ona"])
    answer = operator.post(f"/incidents/{incident}/acknowledge", json={"reason": "I look"}, headers=headers)
    assert answer.status_code == 403
    assert "<button>Acknowledge" in operator.get(f"/incidents/{incident}").text


def test_an_incident_that_is_over_or_unknown_is_not_acknowledged(
    app: "FastAPI", users: dict[str, str], lake: Lake, incident: str
) -> None:
    operator = client(app, users["ona"])
    with opened(lake) as journal:
        resolve(journal, incident, "noise", "ada", "a test", NOW)
    for name, words in ((incident, "is resolved"), ("none", "No incident is called none")):
        answer = operator.post(f"/incidents/{name}/acknowledge", json={"reason": "I look"}, headers=OURS)
        assert (answer.status_code, words in answer.json()["detail"]) == (404, True)
    assert "<button>Acknowledge" not in operator.get(f"/incidents/{incident}").text


def test_an_incident_that_does_not_exist_is_told_with_the_next_step(app: "FastAPI", users: dict[str, str]) -> None:
    answer = client(app, users["vic"]).get("/incidents/none")
    assert (answer.status_code, "`matinee incident list` has them all." in answer.text) == (404, True)
