"""The soak's reader finds each kind of violation that a broken protocol leaves on `main`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.soak.turns import Journal
from tests.soak.witness import CHAIN, PLAYS, Witness
from tests.support.lakes import D1, D2, NOON, PLANNED, arrow, at, close_days, core_play, make_lake, prepare, raw_play

from matinee.landing import landed_files
from matinee.landing.model import Landing
from matinee.ledger.ledger import history, record, recorded
from matinee.ledger.model import InputPin, Run
from matinee.ledger.recovery import recover
from matinee.report import Verdict
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity import outside

RAW = "raw.plays"
PASSED = Verdict(audit="rows_kept", severity="blocking", verdict="pass")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two days of plays, landed and published one by one."""
    lake = make_lake(tmp_path / "home")
    for name in (*CHAIN, RAW, "raw.impressions", landed_files.LANDINGS):
        lake.ensure(name)
    for number, day in enumerate((D1, D2), start=1):
        land(lake, tmp_path / f"plays-{number}.jsonl", day, f"p{number}")
        close_days(lake, RAW, {day: 1})
    for number, day in enumerate((D1, D2), start=1):
        publish(lake, ready(lake, day, [core_play(day, f"p{number}")]))
    return lake


def land(lake: Lake, path: Path, day: date, key: str) -> None:
    path.write_text(json.dumps({"play_id": key, "start_ts": at(day).isoformat()}) + "\n")
    landing = Landing(RAW, str(path), f"{path.name:0<16}", 1, 1, 0, {}, PLANNED)

    def write(numbered: Landing) -> None:
        table = lake.table(RAW)
        rows = arrow(table, [raw_play(day, key, landing_seq=numbered.landing_seq)])
        table.append(rows, branch=numbered.branch, snapshot_properties=numbered.to_summary())

    landed_files.commit(lake, RAW, landing, write)


def ready(
    lake: Lake,
    day: date,
    rows: list[dict[str, object]],
    *,
    passed: bool = True,
    read_up_to: int = 2,
    read: int | None = None,
    generation: int = 1,
) -> Run:
    """Write rows as a day and record them as prepared, with a passing verdict."""
    table = lake.table(RAW)
    sequence = table.metadata.snapshot_by_id(refs.head(table)).sequence_number
    pin = InputPin(RAW, refs.head(table), sequence, read_up_to, {day: read_up_to})
    run = prepare(lake, PLAYS, day, rows, pins=(pin,), read=read, generation=generation)
    if passed:
        [note] = history(lake, PLAYS).find(run.publication_id)
        record(lake, [replace(note, verdicts=(PASSED,), recorded_ts=PLANNED + NOON)])
    return run


def publish(lake: Lake, run: Run) -> None:
    table = lake.table(PLAYS)
    refs.publish_snapshot(table, refs.head(table, run.branch), expected=refs.head(table))


def violations(witness: Witness) -> set[tuple[str, str]]:
    return {(violation.invariant, violation.dataset) for violation in witness.look()}


@pytest.fixture
def witness(lake: Lake) -> Iterator[Witness]:
    """A reader that has looked once and found nothing."""
    witness = Witness(lake)
    assert list(witness.look()) == []
    return witness


def test_a_row_that_is_there_twice_is_doubled(lake: Lake, witness: Witness) -> None:
    publish(lake, ready(lake, D1, [core_play(D1), core_play(D1)]))
    assert violations(witness) == {("doubled", PLAYS)}


def test_a_row_that_its_publication_had_read_and_has_not_is_lost(lake: Lake, witness: Witness) -> None:
    publish(lake, ready(lake, D1, []))
    assert violations(witness) == {("lost", PLAYS)}


def test_a_row_that_nobody_landed_is_invented(lake: Lake, witness: Witness) -> None:
    publish(lake, ready(lake, D1, [core_play(D1), core_play(D1, "new")]))
    assert violations(witness) == {("invented", PLAYS)}


def test_a_publication_that_was_never_judged_is_unaudited(lake: Lake, witness: Witness) -> None:
    publish(lake, ready(lake, D1, [core_play(D1)], passed=False))
    assert violations(witness) == {("unaudited", PLAYS)}


def test_a_commit_that_is_no_publication_is_unaudited(lake: Lake, witness: Witness) -> None:
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1)]))
    assert violations(witness) == {("unaudited", PLAYS), ("doubled", PLAYS)}


def test_rows_that_were_written_after_the_audit_are_unaudited(lake: Lake, witness: Witness) -> None:
    run = ready(lake, D1, [core_play(D1)])
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1)]), branch=run.branch, snapshot_properties=run.to_summary())
    publish(lake, run)
    assert ("unaudited", PLAYS) in violations(witness)


def test_a_swap_that_ignores_the_head_of_main_loses_other_rows(lake: Lake, witness: Witness, tmp_path: Path) -> None:
    land(lake, tmp_path / "plays-3.jsonl", D1, "late")
    first = ready(lake, D1, [core_play(D1), core_play(D1, "late")], read_up_to=3)
    second = ready(lake, D2, [core_play(D2, "p2")])
    publish(lake, first)
    recover(lake, PLAYS)
    assert violations(witness) == set()
    table = lake.table(PLAYS)
    refs.move_branch(table, "main", refs.head(table, second.branch), expected=refs.head(table))
    assert violations(witness) == {("lost", PLAYS)}


def test_a_ledger_that_is_written_before_main_moves_is_ahead(lake: Lake, witness: Witness) -> None:
    run = ready(lake, D1, [core_play(D1)])
    table = lake.table(PLAYS)
    head = refs.head(table, run.branch)
    [note] = [row for (of, _), row in recorded(lake, PLAYS).items() if of == run.publication_id]
    sequence = table.metadata.snapshot_by_id(head).sequence_number
    record(lake, [note.as_published(head, sequence, PLANNED + NOON)])
    violations(witness)
    assert ("ahead", PLAYS) in violations(witness)


def test_a_landing_whose_rows_are_gone_is_lost(lake: Lake, witness: Witness) -> None:
    lake.table(RAW).delete("landing_seq = 1")
    assert violations(witness) == {("lost", RAW)}


def test_rows_that_were_read_and_are_in_no_count_are_unaccounted(lake: Lake, witness: Witness) -> None:
    publish(lake, ready(lake, D1, [core_play(D1)], read=2))
    assert ("unaccounted", PLAYS) in violations(witness)


def test_a_generation_that_is_lower_than_before_has_fallen(lake: Lake, witness: Witness) -> None:
    publish(lake, ready(lake, D1, [core_play(D1)], generation=3))
    assert violations(witness) == set()
    publish(lake, ready(lake, D1, [core_play(D1)], generation=2))
    assert violations(witness) == {("fallen", PLAYS)}


def test_main_that_was_set_back_without_a_note_is_behind_the_ledger(lake: Lake, witness: Witness) -> None:
    table = lake.table(PLAYS)
    before = refs.head(table)
    publish(lake, ready(lake, D1, [core_play(D1)]))
    recover(lake, PLAYS)
    assert violations(witness) == set()
    table = lake.table(PLAYS)
    refs.move_branch(table, "main", before, expected=refs.head(table))
    assert ("ahead", PLAYS) in violations(witness)


def test_a_day_that_is_still_valid_after_main_was_set_back_is_ahead(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = lake.table(PLAYS)
    before = refs.head(table)
    run = ready(lake, D1, [core_play(D1)])
    publish(lake, run)
    recover(lake, PLAYS)
    told = Journal(tmp_path / "journals" / "restorer-1.jsonl")
    told.path.parent.mkdir()
    told.write("set_back", dataset=PLAYS, publication=run.publication_id)
    table = lake.table(PLAYS)
    refs.move_branch(table, "main", before, expected=refs.head(table))
    assert violations(Witness(lake, tmp_path)) == set()
    monkeypatch.setattr(outside, "_set_back", lambda *_: set())
    assert violations(Witness(lake, tmp_path)) == {("ahead", PLAYS)}


def test_the_landed_version_of_a_replaced_file_counts(lake: Lake, witness: Witness, tmp_path: Path) -> None:
    path = tmp_path / "plays-3.jsonl"
    land(lake, path, D1, "late")
    path.write_text(path.read_text().replace("late", "other"))
    assert violations(Witness(lake, tmp_path)) == {("lost", RAW), ("doubled", RAW)}
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / f"{path.name:0<16}").write_text(path.read_text().replace("other", "late"))
    assert violations(Witness(lake, tmp_path)) == set()
