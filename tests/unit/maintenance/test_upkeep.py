"""Upkeep: what it asks for, what it counts, and that it can run again at any time. No engine."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, D2, arrow, core_play, kept, land, prepare, raw_play

from matinee.errors import ContractError, UnknownDatasetError, UsageError
from matinee.ledger.ledger import history
from matinee.ledger.model import State
from matinee.maintenance.upkeep import What, expire_snapshots, maintain, recover_all
from matinee.publication.move import drop_branches, move_to_main
from matinee.table import names, refs
from matinee.table.catalog import Lake

RAW, PLAYS = "raw.plays", "core.plays"
NOW = datetime.now(UTC)


def fill(lake: Lake) -> None:
    land(lake, RAW, [raw_play(D1)])
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(PLAYS), run)
    recover_all(lake.settings)


kept_lake, lake = kept(fill)


@pytest.mark.parametrize(
    ("what", "dataset", "words"),
    [
        ("compact", None, "--what compact needs a dataset"),
        ("expire", None, "--what expire needs a dataset"),
        ("expire", PLAYS, "--what expire needs the time"),
        ("orphans", PLAYS, "--what orphans needs the time"),
    ],
)
def test_what_is_missing_is_asked_for(lake: Lake, what: What, dataset: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        maintain(lake.settings, what, dataset)


def test_an_unknown_dataset_is_refused(lake: Lake) -> None:
    with pytest.raises(UnknownDatasetError, match=r"core\.play"):
        maintain(lake.settings, "compact", "core.play")


@pytest.mark.parametrize("what", ["compact", "expire", "orphans"])
def test_a_dataset_without_a_table_is_noted_and_is_no_error(lake: Lake, what: What) -> None:
    report = maintain(lake.settings, what, "core.impressions", "2026-03-05T02:00Z")
    assert report.details == {"note": "no table yet"}


def test_what_is_recovered_is_counted_once(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D2, [core_play(D2)])
    branch = refs.head(lake.table(PLAYS), run.branch)
    refs.publish_snapshot(lake.table(PLAYS), branch, expected=refs.head(lake.table(PLAYS)))
    assert maintain(lake.settings, "recover").details == {"rows_appended": 1}
    assert {note.state for note in history(lake, PLAYS).notes_by_day[D2]} == {State.PUBLISHED}
    assert recover_all(lake.settings).details == {"rows_appended": 0}


def test_a_day_that_was_changed_past_the_protocol_is_withdrawn_once(lake: Lake) -> None:
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, "by hand")]))
    assert recover_all(lake.settings).details == {"rows_appended": 1}
    newest = history(lake, PLAYS).newest(D1)
    assert newest is not None
    assert newest.state is State.WITHDRAWN
    assert recover_all(lake.settings).details == {"rows_appended": 0}


def test_expiry_removes_dead_branches_first_and_counts_all_that_goes(lake: Lake) -> None:
    prepare(lake, PLAYS, D2, [core_play(D2)])
    later = NOW + timedelta(days=100)
    details = expire_snapshots(lake.settings, PLAYS, later).details
    assert {name: details[name] for name in ("branches", "days_dropped", "rows_dropped", "days_needed")} == {
        "branches": 1,
        "days_dropped": 0,
        "rows_dropped": 0,
        "days_needed": 0,
    }
    assert int(details["snapshots"]) >= 1
    left = set(lake.table(PLAYS).metadata.refs)
    assert not [name for name in left if name.startswith(names.AUDIT)]
    again = expire_snapshots(lake.settings, PLAYS, later).details
    assert {again[name] for name in ("branches", "snapshots", "tags")} == {0}


@pytest.fixture
def mistaken(lake: Lake, tmp_path: Path) -> Lake:
    """The lake where the contract of another dataset has a mistake."""
    shutil.copytree(lake.settings.sql_dir, tmp_path / "sql")
    (tmp_path / "sql" / "core" / "impression_plays" / "contract.odcs.yaml").write_text("id: [")
    return Lake.open(lake.settings.model_copy(update={"sql_dir": tmp_path / "sql"}))


def test_recovery_does_the_others_while_a_contract_cannot_be_used(mistaken: Lake) -> None:
    move_to_main(mistaken, prepare(mistaken, PLAYS, D2, [core_play(D2)]), lambda _: ())
    assert recover_all(mistaken.settings).details == {"rows_appended": 1}


def test_nothing_is_removed_while_a_contract_cannot_be_used(mistaken: Lake) -> None:
    prepare(mistaken, PLAYS, D2, [core_play(D2)])
    before = {*mistaken.table(PLAYS).metadata.refs}
    with pytest.raises(ContractError, match=r"Nothing of core\.plays is removed, .*core/impression_plays/contract"):
        expire_snapshots(mistaken.settings, PLAYS, NOW + timedelta(days=99))
    assert {*mistaken.table(PLAYS).metadata.refs} == before
