"""Leftovers: branches and pins of dead work go when their time is over, and `doctor` names what holds expiry."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.lakes import D1, D2, arrow, core_play, land, make_lake, prepare, raw_play

from matinee.cli import doctor
from matinee.errors import CommitConflictError
from matinee.landing.model import QUARANTINE, Landing
from matinee.ledger import pins
from matinee.ledger.ledger import history, record
from matinee.ledger.model import State
from matinee.ledger.recovery import abandoned
from matinee.maintenance import upkeep
from matinee.maintenance.leftovers import KEEP, KEEP_REFUSED, clean, clean_overdue, leftovers
from matinee.table import names, refs
from matinee.table.catalog import Lake

RAW, PLAYS = "raw.plays", "core.plays"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def branches(lake: Lake, dataset: str) -> set[str]:
    return set(lake.table(dataset).metadata.refs) - {refs.MAIN}


def after(time: timedelta) -> datetime:
    return datetime.now(UTC) + time


@pytest.mark.parametrize("kind", [names.LANDING, names.COMPACT, names.SWAP])
def test_a_branch_without_a_commit_goes_a_week_after_main_moved_on(lake: Lake, kind: str) -> None:
    land(lake, RAW, [raw_play(D1, "p1")])
    refs.create_branch(lake.table(RAW), f"{kind}killed", refs.head(lake.table(RAW)))
    assert clean_overdue(lake, RAW, after(10 * KEEP)) == []  # The branch is where main is: it may be new.
    land(lake, RAW, [raw_play(D1, "p2")], seq=2, close=False)
    assert clean_overdue(lake, RAW, after(KEEP - MINUTE)) == []
    assert [leftover.branch for leftover in clean_overdue(lake, RAW, after(KEEP + MINUTE))] == [f"{kind}killed"]
    assert branches(lake, RAW) == set()


def test_a_branch_with_a_commit_goes_a_week_later_and_is_abandoned(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    assert clean_overdue(lake, PLAYS, after(KEEP - MINUTE)) == []
    assert [leftover.branch for leftover in clean_overdue(lake, PLAYS, after(KEEP + MINUTE))] == [run.branch]
    assert {publication.state for publication in history(lake, PLAYS).all()} == {State.ABANDONED}


def test_a_branch_of_a_failed_audit_stays_for_two_weeks(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    [prepared] = history(lake, PLAYS).all()
    record(lake, [abandoned(prepared, "an audit failed")])
    assert clean_overdue(lake, PLAYS, after(KEEP_REFUSED - MINUTE)) == []
    assert branches(lake, PLAYS) == {run.branch}
    assert [leftover.branch for leftover in clean_overdue(lake, PLAYS, after(KEEP_REFUSED + MINUTE))] == [run.branch]


def test_a_branch_of_a_run_that_holds_what_it_reads_stays(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    land(lake, RAW, [raw_play(D1)])
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    now = after(KEEP + MINUTE)
    monkeypatch.setattr(pins, "stamp", lambda: now)
    pins.hold(lake, run.publication_id, {RAW: refs.head(lake.table(RAW))})
    assert clean_overdue(lake, PLAYS, now) == []
    assert branches(lake, PLAYS) == {run.branch}


def test_experiments_stay(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    refs.create_branch(lake.table(RAW), f"{names.EXPERIMENT}mine", refs.head(lake.table(RAW)))
    land(lake, RAW, [raw_play(D1, "p2")], seq=2, close=False)
    assert clean_overdue(lake, RAW, after(10 * KEEP)) == []


def test_tags_and_branches_of_no_run_are_no_leftovers(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    for name in (names.EXPERIMENT, names.LEASE, "mine_"):
        refs.create_branch(lake.table(PLAYS), f"{name}a", refs.head(table))
    for name in (names.PUBLICATION, names.MARKER, names.BEGUN, names.SET, "audit", "before_the_incident_"):
        refs.create_tag(lake.table(PLAYS), f"{name}a", refs.head(table))
    assert list(leftovers(lake)) == []


@pytest.mark.parametrize("kind", [*names.WORK, names.PIN])
def test_branches_and_pins_of_runs_are_leftovers_of_their_table(lake: Lake, kind: str) -> None:
    table = lake.ensure(PLAYS)
    refs.create_branch(table, f"{kind}a", refs.head(table))
    assert [(leftover.dataset, leftover.branch) for leftover in leftovers(lake)] == [(PLAYS, f"{kind}a")]


def test_a_branch_that_moved_since_it_was_looked_at_is_not_cleaned(lake: Lake) -> None:
    table = lake.ensure(RAW)
    refs.create_branch(table, f"{names.LANDING}a", refs.head(table))
    [leftover] = leftovers(lake)
    lake.table(RAW).append(arrow(table, [raw_play(D1)]), branch=leftover.branch)
    with pytest.raises(CommitConflictError):
        clean(lake, leftover)
    assert branches(lake, RAW) == {leftover.branch}


def test_the_nightly_expiry_drops_them_first_so_they_hold_nothing(lake: Lake) -> None:
    table = lake.ensure(PLAYS)
    refs.create_branch(table, f"{names.AUDIT}core_plays_20260301_r1", refs.head(table))
    for number in range(4):
        table = lake.table(PLAYS)
        table.append(arrow(table, [core_play(D2, f"p{number}")]))
    report = upkeep.expire_snapshots(lake.settings, PLAYS, after(timedelta(days=60)))
    assert report.details["branches"] == 1
    assert len(lake.table(PLAYS).metadata.snapshots) == 1


# --- doctor -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What doctor says of a lake with a failed audit, three days later, and a landing that was killed."""
    run = prepare(lake, PLAYS, D1, [core_play(D1)], attempt="r1")
    [prepared] = history(lake, PLAYS).all()
    record(lake, [replace(abandoned(prepared, "an audit failed"))])
    assert run.branch in branches(lake, PLAYS)
    land(lake, RAW, [raw_play(D1)])
    refs.create_branch(lake.table(RAW), f"{names.LANDING}killed", refs.head(lake.table(RAW)))
    land(lake, RAW, [raw_play(D1, "p2")], seq=2, close=False)
    monkeypatch.setattr(doctor, "CHECKS", {})
    monkeypatch.setattr(doctor, "load_settings", lambda: lake.settings)
    now = after(timedelta(days=3))
    monkeypatch.setattr("matinee.table.registers.stamp", lambda: now)
    answer = CliRunner().invoke(doctor.doctor, ["--output", "json"])
    assert answer.exit_code == 0
    return [row for row in json.loads(answer.stdout) if row["check"] == "branches"]


def test_doctor_says_what_holds_expiry_since_when_and_warns(rows: list[dict[str, str]]) -> None:
    [landing] = [row for row in rows if "landing_killed" in row["detail"]]
    assert landing["state"] == "warning"
    assert landing["detail"] == "raw.plays.branch_landing_killed: holds the expiry of snapshots"
    assert datetime.fromisoformat(landing["since"]) <= datetime.now(UTC)
    assert "the nightly upkeep drops it after" in landing["next"]


def test_doctor_does_not_warn_of_what_an_audit_refused(rows: list[dict[str, str]]) -> None:
    [audit] = [row for row in rows if "audit_" in row["detail"]]
    assert (audit["state"], audit["detail"].split(": ")[1]) == ("open", "kept to look at, an audit failed")


def test_doctor_says_so_in_text(lake: Lake, rows: list[dict[str, str]]) -> None:
    answer = CliRunner().invoke(doctor.doctor, [])
    assert "warning" in answer.stdout
    assert rows[-1]["since"][:10] in answer.stdout


def test_doctor_names_a_landing_whose_other_rows_never_came(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = datetime.now(UTC) - timedelta(days=3)
    landing = Landing(RAW, "/in/plays.jsonl", "ab" * 32, 2, 1, 1, {}, begun, landing_seq=1)
    with lake.ensure(QUARANTINE).transaction() as commit, commit.update_snapshot(landing.to_summary()).fast_append():
        pass
    monkeypatch.setattr(doctor, "CHECKS", {})
    monkeypatch.setattr(doctor, "load_settings", lambda: lake.settings)
    answer = CliRunner().invoke(doctor.doctor, ["--output", "json"])
    [row] = [row for row in json.loads(answer.stdout) if row["check"] == "landings"]
    assert (row["state"], row["since"]) == ("warning", begun.isoformat(timespec="seconds"))
    assert row["detail"] == "/in/plays.jsonl: its bad rows are in raw.quarantine, its good ones not in raw.plays"
