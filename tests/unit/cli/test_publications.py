"""`matinee publications`: published and dropped days, and the inputs, verdicts and heads of a publication."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.lakes import D1, D2, D3, arrow, core_play, land, make_lake, pin, prepare, raw_play

from matinee.cli.main import main
from matinee.contracts.registry import Registry
from matinee.ledger.dropping import drop_before
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
Rows = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    land(lake, "raw.plays", [raw_play(D1), raw_play(D2, "p2")], seq=7)
    return lake


@pytest.fixture
def words(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Words:
    """Show a publication as tables, and return their words with one space between them."""
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
        shown: dict[str, Any] = json.loads(capsys.readouterr().out)
        return shown

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
    [published] = history(lake, PLAYS).find(run.publication_id)
    healed = replace(run, buckets=(2, 5))
    record(lake, [replace(published, run=healed, changed=(), recorded_ts=published.recorded_ts + timedelta(minutes=1))])
    shown = show(run.publication_id)
    assert (shown["buckets"], shown["changed"]) == ([2, 5], [])
    assert "buckets 2, 5 changed none" in words(run.publication_id)


def test_a_whole_day_shows_all_buckets(lake: Lake, words: Words) -> None:
    assert "buckets all changed all" in words(prepared(lake).publication_id)


def test_a_day_that_its_audits_withdrew_shows_their_verdicts_and_samples(lake: Lake, show: Show, words: Words) -> None:
    run = publish(lake, prepared(lake))
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    failed = Verdict(audit="event_lost", severity="blocking", verdict="fail", bad_rows=1, sample=[{"play_id": "p9"}])
    withdraw(lake, replace(newest, verdicts=(failed,)), "event_lost (1 bad rows) failed on main")
    shown = show(run.publication_id)
    assert shown["days"]["2026-03-01"] | {"rows": 1} == {
        "state": "WITHDRAWN",
        "generation": 2,
        "rows_in": 1,
        "rows": 1,
        "duplicates": 0,
        "reason": "event_lost (1 bad rows) failed on main",
        "failed": ["event_lost"],
        "dropped": None,
        "dropped_at": None,
    }
    assert [(verdict["audit"], verdict["days"]) for verdict in shown["verdicts"]] == [("event_lost", ["2026-03-01"])]
    assert "event_lost: {'play_id': 'p9'}" in words(run.publication_id)


@pytest.fixture
def listed(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rows:
    """List the publications of a lake that keeps one day of plays."""
    known = {contract.dataset: contract for contract in lake.registry.all()}
    kept = Registry(known | {PLAYS: replace(known[PLAYS], keep=timedelta(days=1))})
    monkeypatch.setattr(Lake, "open", lambda _: replace(lake, registry=kept))

    def run() -> dict[str, dict[str, Any]]:
        main(["publications", "list", PLAYS, "--output", "json"])
        return {row["day"]: row for row in json.loads(capsys.readouterr().out)}

    return run


def drop(lake: Lake, first: date) -> str:
    """Drop the days before `first`, and return the time of the drop."""
    drop_before(lake.table(PLAYS), lake.registry.get(PLAYS), first)
    snapshot = lake.table(PLAYS).current_snapshot()
    assert snapshot is not None
    return str(datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC))


def test_a_dropped_day_says_by_which_keep_and_when(lake: Lake, listed: Rows) -> None:
    publish(lake, prepared(lake))
    publish(lake, prepared(lake, D2))
    dropped = {"dropped": "keeps 1 days: days before 2026-03-02 were dropped", "dropped_at": drop(lake, D2)}
    rows = listed()
    assert rows[str(D1)] | dropped == rows[str(D1)]
    assert (rows[str(D2)]["dropped"], rows[str(D2)]["dropped_at"]) == (None, None)


def test_a_publication_says_of_a_dropped_day_by_which_keep_and_when(
    lake: Lake, listed: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    run = prepared(lake)
    publish(lake, run)
    publish(lake, prepared(lake, D2))
    at = drop(lake, D2)
    main(["publications", "show", run.publication_id, "--output", "json"])
    day = json.loads(capsys.readouterr().out)["days"][str(D1)]
    assert (day["dropped"], day["dropped_at"]) == ("keeps 1 days: days before 2026-03-02 were dropped", at)


def test_each_dropped_day_says_when_it_went_itself(lake: Lake, listed: Rows) -> None:
    publish(lake, prepared(lake))
    publish(lake, prepared(lake, D2))
    times = [drop(lake, D2), drop(lake, D3)]
    assert [row["dropped_at"] for row in listed().values()] == times


def test_a_day_whose_drop_has_expired_does_not_take_the_time_of_another(lake: Lake, listed: Rows) -> None:
    publish(lake, prepared(lake))
    publish(lake, prepared(lake, D2))
    drop(lake, D2)
    expired, last = refs.head(lake.table(PLAYS)), drop(lake, D3)
    lake.table(PLAYS).maintenance.expire_snapshots().by_ids([expired]).commit()
    assert [(row["dropped"], row["dropped_at"]) for row in listed().values()] == [
        ("keeps 1 days: days before 2026-03-03 were dropped", None),
        ("keeps 1 days: days before 2026-03-03 were dropped", last),
    ]
