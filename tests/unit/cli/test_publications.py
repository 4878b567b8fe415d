"""`matinee publications show`: what a publication read, how it was judged, and how main moved for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.lakes import D1, D2, arrow, core_play, land, make_lake, pin, prepare, raw_play

from matinee.cli.main import main
from matinee.ledger.ledger import history, record
from matinee.ledger.model import Run
from matinee.ledger.recovery import recover
from matinee.ledger.withdrawal import withdraw
from matinee.publication.move import drop_branches, move_to_main
from matinee.report import Verdict
from matinee.table import refs
from matinee.table.catalog import Lake

PLAYS = "core.plays"
Show = Callable[[str], dict[str, Any]]
Words = Callable[[str], str]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2, "p2")], seq=7)
    return lake


@pytest.fixture
def words(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Words:
    """Show a publication as tables: their words, without the space between them."""
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))

    def run(publication_id: str) -> str:
        main(["publications", "show", publication_id])
        return " ".join(capsys.readouterr().out.split())

    return run


@pytest.fixture
def show(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Show:
    """Show a publication as JSON."""
    monkeypatch.setenv("MATINEE_HOME", str(lake.settings.home))

    def run(publication_id: str) -> dict[str, Any]:
        main(["publications", "show", publication_id, "--output", "json"])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


def publish(lake: Lake, run: Run) -> Run:
    move_to_main(lake, run, lambda _: ())
    return run


def prepared(lake: Lake, day: date = D1) -> Run:
    return prepare(lake, PLAYS, day, [core_play(day)], pins=(pin(lake, "raw.plays", {day: 7}),), attempt="1")


def test_a_pointer_move_shows_its_base_as_the_head_before(lake: Lake, show: Show) -> None:
    run = publish(lake, prepared(lake))
    shown = show(run.publication_id)
    assert shown["main_before"] == shown["base"] == run.base_snapshot_id
    assert shown["main_after"] == shown["audited_snapshot"] == refs.head(lake.table(PLAYS))
    assert shown["replayed"] is False


def test_a_replayed_publication_shows_the_head_that_it_was_replayed_onto(lake: Lake, show: Show) -> None:
    ours = prepared(lake)
    publish(lake, prepared(lake, D2))
    onto = refs.head(lake.table(PLAYS))
    publish(lake, ours)
    shown = show(ours.publication_id)
    assert (shown["base"], shown["main_before"]) == (ours.base_snapshot_id, onto)
    assert shown["main_after"] == refs.head(lake.table(PLAYS)) != shown["audited_snapshot"]
    assert shown["replayed"] is True


def test_what_was_read_is_shown_with_the_numbers_of_its_days(lake: Lake, show: Show, words: Words) -> None:
    run = publish(lake, prepared(lake))
    [pinned] = show(run.publication_id)["inputs"]
    assert pinned == {
        "dataset": "raw.plays",
        "snapshot": run.pins[0].snapshot_id,
        "inputs_expired": False,
        "landing_seq": None,
        "days": {"2026-03-01": 7},
    }
    assert "2026-03-01 (7)" in words(run.publication_id)


def test_a_head_that_has_expired_is_said_to_be(lake: Lake, show: Show) -> None:
    run = publish(lake, prepared(lake))
    expired = refs.head(lake.table(PLAYS))
    recover(lake, PLAYS)
    drop_branches(lake.table(PLAYS), run)
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D2)]))
    lake.table(PLAYS).maintenance.expire_snapshots().by_ids([expired]).commit()
    assert show(run.publication_id)["main_before"] == "expired"


def test_what_is_not_on_main_has_no_heads(lake: Lake, show: Show) -> None:
    shown = show(prepared(lake).publication_id)
    assert (shown["main_before"], shown["main_after"], shown["days"]["2026-03-01"]["state"]) == (None, None, "PREPARED")


def test_a_heal_shows_the_buckets_that_it_rewrote_and_those_that_changed(lake: Lake, show: Show, words: Words) -> None:
    run = prepared(lake)
    [found] = history(lake, PLAYS).find(run.publication_id)
    healed = replace(run, buckets=(2, 5))
    record(lake, [replace(found, run=healed, changed=(), recorded_ts=found.recorded_ts + timedelta(minutes=1))])
    shown = show(run.publication_id)
    assert (shown["buckets"], shown["changed"]) == ([2, 5], [])
    assert "buckets 2, 5 changed none" in words(run.publication_id)


def test_a_whole_day_shows_all_buckets(lake: Lake, words: Words) -> None:
    assert "buckets all changed all" in words(prepared(lake).publication_id)


def test_a_day_that_its_audits_withdrew_shows_their_verdicts_and_samples(lake: Lake, show: Show, words: Words) -> None:
    run = publish(lake, prepared(lake))
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    failed = Verdict(audit="play_lost", severity="blocking", verdict="fail", bad_rows=1, sample=[{"play_id": "p9"}])
    withdraw(lake, replace(newest, verdicts=(failed,)), "play_lost (1 bad rows) failed on main")
    shown = show(run.publication_id)
    assert shown["days"]["2026-03-01"] | {"rows": 1} == {
        "state": "WITHDRAWN",
        "generation": 2,
        "rows_in": 1,
        "rows": 1,
        "duplicates": 0,
        "reason": "play_lost (1 bad rows) failed on main",
        "failed": ["play_lost"],
    }
    assert [(one["audit"], one["days"]) for one in shown["verdicts"]] == [("play_lost", ["2026-03-01"])]
    assert "play_lost: {'play_id': 'p9'}" in words(run.publication_id)
