"""The pages in a real Chromium, inside Airflow's own UI: roles, themes, widths, the keyboard and accessibility."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.airflow_server import Server, serving
from tests.support.alerts import CATALOG, T0, journal_in, rule, signal
from tests.support.lakes import D1, D2, close_days, core_play, land, make_lake, pin, prepare, raw_play

from matinee.alerts.evaluation import evaluate
from matinee.alerts.incidents import identifier
from matinee.ledger.ledger import history
from matinee.ledger.withdrawal import withdraw
from matinee.live.register import Tick, paused, record
from matinee.private import private_folder
from matinee.publication.move import move_to_main
from matinee.table.catalog import Lake

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

CHROMIUM = shutil.which("chromium") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INCIDENT = identifier(CATALOG, T0)
PAGES = (
    "freshness",
    "days",
    "incidents",
    f"incidents/{INCIDENT}",
    "publications",
    "publications/core_plays_20260301_1",
    "stream",
    "failure/d/r/t",
)
AXE = "axe-core@4.14.1"

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two days of plays, published; the second was withdrawn, and the stream has ticked."""
    lake = make_lake(tmp_path_factory.mktemp("lake"))
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2)])
    close_days(lake, "raw.impressions", {D1: 0, D2: 0})
    for day in (D1, D2):
        read = replace(pin(lake, "raw.plays", {day: 1}), landing_seq=1)
        run = prepare(lake, "core.plays", day, [core_play(day)], pins=(read,), attempt="1")
        move_to_main(lake, run, lambda _: ())
    newest = history(lake, "core.plays").newest(D2)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    for _ in range(2):
        record(lake, Tick("ran", rows_landed=3, rows_quarantined=0, lag_s=1.5))
    with closing(journal_in(private_folder(lake.settings.home / "alerts"))) as journal, journal.begin() as entries:
        evaluate(entries, [signal(CATALOG)], [rule()], T0, ())
    return lake


@pytest.fixture(scope="module")
def server(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("airflow"), lake.settings.home) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker of accessibility, from the package registry."""
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    got = npm and subprocess.run([npm, "pack", AXE, "--silent"], cwd=folder, capture_output=True, check=False)
    archives = [*folder.glob("*.tgz")]
    if not got or got.returncode or not archives:
        pytest.skip("axe-core cannot be had")
    shutil.unpack_archive(archives[0], folder)
    return folder / "package" / "axe.min.js"


def logged_in(
    browser: "Browser", server: Server, user: str, *, width: int = 1280, theme: str = "light", checked: bool = False
) -> "Page":
    """Return a page of the browser in which a user has logged in by Airflow's form; checked pages take axe's script."""
    context = browser.new_context(viewport={"width": width, "height": 800}, bypass_csp=checked)
    context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(server.url)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", user)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/")
    return page


def shown(page: "Page", server: Server, name: str) -> "Page":
    """Open a page of ours by itself, once the first look at the lake is over."""
    page.goto(f"{server.url}/matinee/{name}")
    page.wait_for_selector("body:not([data-again]) h1")
    return page


def framed(page: "Page", server: Server, name: str) -> "Frame":
    """Open a page of ours in Airflow's UI, and return its frame."""
    page.goto(f"{server.url}/plugin/matinee-{name}")
    frame = page.wait_for_selector("iframe").content_frame()
    assert frame is not None
    frame.wait_for_selector("body:not([data-again]) h1")
    return frame


def test_a_viewer_sees_a_page_in_the_ui_of_airflow(browser: "Browser", server: Server) -> None:
    page = logged_in(browser, server, "vic")
    frame = framed(page, server, "days")
    assert frame.inner_text("h1") == "Days"
    assert "withdrawn: doubled starts" in frame.inner_text("main")


def test_a_page_has_the_theme_that_the_ui_has(browser: "Browser", server: Server) -> None:
    for theme in ("light", "dark"):
        frame = framed(logged_in(browser, server, "vic", theme=theme), server, "freshness")
        assert frame.evaluate("document.documentElement.dataset.theme") == theme


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_hinders_anybody(browser: "Browser", server: Server, axe: Path, width: int, theme: str) -> None:
    page = logged_in(browser, server, "vic", width=width, theme=theme, checked=True)
    for name in PAGES:
        shown(page, server, name)
        page.add_script_tag(path=axe)
        violations = page.evaluate("axe.run().then(told => told.violations.map(each => [each.impact, each.id]))")
        assert [told for told in violations if told[0] in {"serious", "critical"}] == [], name
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


def test_the_keyboard_leads_from_page_to_page(browser: "Browser", server: Server) -> None:
    page = shown(logged_in(browser, server, "vic"), server, "freshness")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/matinee/days")


def test_an_operator_pauses_the_stream_and_a_viewer_does_not(browser: "Browser", server: Server, lake: Lake) -> None:
    for user, told in (("vic", "Forbidden"), ("ona", "paused")):
        page = shown(logged_in(browser, server, user), server, "stream")
        page.fill("input[name=reason]", f"by {user}")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"main:has-text('{told}')")
    pause = paused(lake)
    assert pause is not None
    assert pause.reason == "by ona (ona)"


def test_an_operator_acknowledges_an_incident_and_a_viewer_does_not(browser: "Browser", server: Server) -> None:
    for user, told in (("vic", "Forbidden"), ("ona", "ona: I look")):
        page = shown(logged_in(browser, server, user), server, f"incidents/{INCIDENT}")
        page.fill("input[name=reason]", "I look")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"main:has-text('{told}')")
    assert page.query_selector("form") is None


def test_nothing_is_fetched_from_elsewhere(browser: "Browser", server: Server) -> None:
    page = logged_in(browser, server, "vic")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    for name in PAGES:
        shown(page, server, name)
    assert {url for url in fetched if not url.startswith(f"{server.url}/matinee/")} == set()
