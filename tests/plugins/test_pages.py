"""The pages of the plugin: what they show, to whom, and what they refuse; by Airflow's own login on a tiny lake."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from tests.support.lakes import D1, D2, close_days, core_play, land, make_lake, pin, prepare, raw_play
from tests.support.pages import OURS, client

from matinee.cli.main import cli
from matinee.days import end_of
from matinee.errors import CatalogUnavailableError
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.live.register import Tick, paused, record
from matinee.publication.move import move_to_main
from matinee.settings import CHECKOUT, Settings
from matinee.table.catalog import Lake

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient. is deprecated"),
]
#: The DAG of `tests.support.airflow_auth` whose logs only admins see.
PRIVATE = "private_dag"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOW = end_of(D2) + timedelta(hours=40)
LINE = "ERROR - OSError: [Errno 28] No space left on device, password=hunter2"


def publish(lake: Lake, dataset: str, day: date, *inputs: str) -> None:
    pins = tuple(replace(pin(lake, name, {day: 1}), landing_seq=1) for name in inputs)
    rows = [core_play(day)] if dataset == "core.plays" else []
    run = prepare(lake, dataset, day, rows, pins=pins, read=len(rows), attempt="1")
    move_to_main(lake, run, lambda _: ())


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two days of plays, published; the second was withdrawn for a reason that holds a password."""
    lake = make_lake(tmp_path_factory.mktemp("lake"))
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)])
    close_days(lake, "raw.impressions", {D1: 0, D2: 0})
    for day in (D1, D2):
        publish(lake, "core.plays", day, "raw.plays")
        publish(lake, "core.impressions", day, "raw.impressions")
    newest = history(lake, "core.plays").newest(D2)
    assert newest is not None
    withdraw(lake, newest, "doubled starts <b>, password=hunter2")
    record(lake, Tick("ran", rows_landed=3, rows_quarantined=0, lag_s=1.5))
    return lake


@pytest.fixture(scope="module")
def app(lake: Lake) -> "FastAPI":
    from matinee_airflow.pages.app import make_app

    return make_app(lambda: lake.settings, lambda: NOW, lambda task: [f"{task.task_id}: {LINE}".encode()])


@pytest.fixture
def viewer(app: "FastAPI", users: dict[str, str]) -> "TestClient":
    """A client of a viewer, whose first look at the lake is over."""
    viewer = client(app, users["vic"])
    while "data-again" in viewer.get("/days", headers={"accept": "text/html"}).text:
        time.sleep(0.01)
    return viewer


def routes(app: "FastAPI") -> Iterator[str]:
    """The paths of all routes, with values for their parameters."""
    for route in app.routes:
        yield re.sub(r"\{\w+(:path)?\}", "x", route.path)  # type: ignore[attr-defined]


def test_every_route_and_method_asks_for_a_session(app: "FastAPI", users: dict[str, str]) -> None:
    nobody = client(app)
    walked = [(path, method) for path in [*routes(app), "/docs", "/openapi.json"] for method in METHODS]
    assert {("/days", "GET"), ("/stream/pause", "POST"), ("/x", "DELETE")} < set(walked)
    assert {nobody.request(method, path).status_code for path, method in walked} == {401}


def test_every_route_and_method_is_refused_to_a_user_without_a_role(app: "FastAPI", users: dict[str, str]) -> None:
    nick = client(app, users["nick"])
    assert {nick.request(method, path).status_code for path in routes(app) for method in METHODS} == {403}


def test_a_forged_token_is_refused(app: "FastAPI", users: dict[str, str]) -> None:
    assert client(app, f"{users['ada'][:-6]}AAAAAA").get("/days").status_code == 403


def test_nothing_tells_of_the_routes(app: "FastAPI", users: dict[str, str]) -> None:
    admin = client(app, users["ada"])
    assert {admin.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")} == {404}


def test_the_first_page_leads_to_freshness(viewer: "TestClient") -> None:
    assert viewer.get("/").headers["location"] == "/freshness"


def test_a_viewer_sees_how_far_each_dataset_lags(viewer: "TestClient") -> None:
    page = viewer.get("/freshness").text
    assert re.search(
        r'core\.plays</a></th>\s*<td><span class="badge late">late.*\s.*2026-03-02 00:00:00.*\s.*2 d', page
    )
    assert re.search(r"core\.impressions</a></th>\s*<td><span class=\"badge late\">late.*\s.*2026-03-03 00:00:00", page)


def test_a_viewer_sees_why_a_day_is_not_valid(viewer: "TestClient") -> None:
    page = viewer.get("/days?dataset=core.plays&days=30").text
    assert '<rect class="valid" x="0" y="2" width="1" height="8"/><rect class="withdrawn" x="1"' in page
    assert "withdrawn: doubled starts &lt;b&gt;" in page
    assert "1 withdrawn" in page


def test_no_page_shows_a_secret(viewer: "TestClient") -> None:
    shown = [viewer.get(path).text for path in ("/freshness", "/days", "/publications/core_plays_20260302_1")]
    assert ["hunter2" in page for page in shown] == [False] * 3
    assert ["password=***" in page for page in shown] == [True] * 3


def test_a_viewer_sees_what_was_published(viewer: "TestClient") -> None:
    both = ["core_plays_20260302_1", "core_plays_20260301_1"]
    assert re.findall(r"/publications/(core_plays_\w+)\"", viewer.get("/publications?dataset=core.plays").text) == both
    assert set(both) < set(re.findall(r"/publications/(\w+)\"", viewer.get("/publications").text))


def test_a_viewer_sees_what_a_publication_read(viewer: "TestClient") -> None:
    page = viewer.get("/publications/core_plays_20260301_1").text
    assert "raw.plays" in page
    assert "2026-03-01 (1)" in page


def test_a_publication_that_does_not_exist_is_told_with_the_next_step(viewer: "TestClient") -> None:
    answer = viewer.get("/publications/core_plays_x", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "`matinee publications list` names them." in answer.text


def test_a_viewer_sees_the_stream(viewer: "TestClient") -> None:
    assert "1.5 s" in viewer.get("/stream").text


def test_each_page_names_its_command(viewer: "TestClient") -> None:
    paths = (
        "/freshness",
        "/days",
        "/incidents",
        "/publications",
        "/publications/core_plays_20260301_1",
        "/stream",
        "/failure/d/r/t",
    )
    for path in paths:
        [twin] = re.findall(r"command line: <code>(.*?)</code>", viewer.get(path).text)
        arguments = shlex.split(unescape(twin))
        assert arguments[0] == "matinee"
        assert CliRunner().invoke(cli, [*arguments[1:], "--help"]).exit_code == 0


def test_a_viewer_sees_why_a_task_failed(viewer: "TestClient") -> None:
    page = viewer.get("/failure/plays_daily/scheduled__2026-03-01T00:00:00+00:00/plays.write").text
    assert '<span class="badge resource">resource</span>' in page
    assert "No space left on device, password=***" in page


@pytest.mark.parametrize(("given", "shown"), [("{MAP_INDEX}", "plays.write</dd>"), ("2", "plays.write [2]</dd>")])
def test_a_failure_is_that_of_the_mapped_task(viewer: "TestClient", given: str, shown: str) -> None:
    assert shown in viewer.get("/failure/plays_daily/r/plays.write", params={"map_index": given}).text


@pytest.mark.parametrize(("user", "status"), [("una", 403), ("ona", 403), ("ada", 200)])
def test_a_failure_is_shown_to_whom_the_logs_are(app: "FastAPI", users: dict[str, str], user: str, status: int) -> None:
    asked = client(app, users[user])
    assert asked.get(f"/failure/{PRIVATE}/r/t").status_code == status
    assert asked.get("/failure/another_dag/r/t").status_code == 200


def test_a_task_that_does_not_exist_is_told(users: dict[str, str]) -> None:
    from matinee_airflow.pages.app import make_app

    answer = client(make_app(), users["vic"]).get("/failure/d/r/t")
    assert (answer.status_code, answer.json()["detail"][:32]) == (404, "The run r of d has no task t. Op")


@pytest.mark.parametrize(("user", "status"), [("vic", 403), ("una", 403), ("olaf", 403), ("ona", 200), ("ada", 200)])
def test_only_operators_who_may_change_its_dag_pause_the_stream(
    app: "FastAPI", users: dict[str, str], lake: Lake, user: str, status: int
) -> None:
    answer = client(app, users[user]).post("/stream/pause", json={"reason": "why"}, headers=OURS)
    assert answer.status_code == status
    pause = paused(lake)
    assert (pause is not None and pause.reason == f"why ({user})") == (status == 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-matinee": "page"}, 403),
        ({"x-matinee": "page", "origin": "null"}, 403),
        ({"x-matinee": "page", "origin": "http://elsewhere"}, 403),
        ({"x-matinee": "page", "origin": "http://testserver:81"}, 403),
        ({"origin": "http://testserver"}, 403),
        ({**OURS, "content-type": "text/plain"}, 415),
        (OURS, 200),
    ],
)
def test_a_write_of_another_site_is_refused(
    app: "FastAPI", users: dict[str, str], headers: dict[str, str], status: int
) -> None:
    operator = client(app, users["ona"])
    typed = {"content-type": "application/json", **headers}
    assert operator.post("/stream/resume", content='{"reason": "x"}', headers=typed).status_code == status


def test_a_write_without_a_reason_is_refused(app: "FastAPI", users: dict[str, str]) -> None:
    answer = client(app, users["ona"]).post("/stream/pause", json={"reason": ""}, headers=OURS)
    assert answer.json() == {"detail": "The request has a wrong value: body.reason. Correct it."}


def test_a_catalog_that_is_down_is_told(users: dict[str, str]) -> None:
    from matinee_airflow.pages.app import make_app

    def down() -> Settings:
        raise CatalogUnavailableError("The catalog does not answer.", next_step="Start it.")

    viewer = client(make_app(down, lambda: NOW), users["vic"])
    for path in ("/freshness", "/stream"):
        answer = viewer.get(path)
        assert (answer.status_code, answer.json()) == (503, {"detail": "The catalog does not answer. Start it."})


def test_the_plugin_registers_the_pages_in_a_light_process() -> None:
    look = (
        "import sys; import matinee_plugin as p; q = p.MatineePlugin;"
        "print([view['href'] for view in q.external_views], [a['url_prefix'] for a in q.fastapi_apps],"
        "[name for name in ('fastapi', 'pyarrow', 'pyiceberg', 'pandas') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": f"{CHECKOUT / 'jobs'}{os.pathsep}{CHECKOUT / 'plugins'}"}
    printed = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, env=environment)
    views = [f"/matinee/{name}" for name in ("freshness", "days", "incidents", "publications", "stream")]
    views.append("/matinee/failure/{DAG_ID}/{RUN_ID}/{TASK_ID}?map_index={MAP_INDEX}")
    assert printed.stdout.splitlines()[-1] == f"{views} ['/matinee'] []"
