"""A day with rows that changed outside the protocol is not valid: rows that are gone, new or different."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.support.lakes import D1, D2, arrow, at, core_play, kept, land, overwrite, pin, prepare, raw_play
from tests.support.world import rearrange, rewrite

from matinee.ledger.ledger import history, noted_after, record
from matinee.ledger.model import Run, State
from matinee.ledger.recovery import recover
from matinee.maintenance.upkeep import recover_all
from matinee.publication.move import move_to_main
from matinee.report import Verdict
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity import outside
from matinee.validity.outside import changed_outside
from matinee.validity.reasons import Reason
from matinee.validity.validity import Validity

RAW, PLAYS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.play_attributions"
ROWS = 20


def fill(lake: Lake) -> None:
    """Land and publish two days of twenty plays."""
    land(lake, RAW, [raw_play(day, f"p{number}") for day in (D1, D2) for number in range(ROWS)])
    for day in (D1, D2):
        publish(lake, day)


kept_lake, lake = kept(fill)


def publish(lake: Lake, day: date, rows: int = ROWS, generation: int = 1) -> None:
    plays = [core_play(day, f"p{number}") for number in range(rows)]
    run = prepare(lake, PLAYS, day, plays, pins=(pin(lake, RAW, {day: 1}),), generation=generation)
    move_to_main(lake, run, lambda _: ())


def delete(lake: Lake, dataset: str, day: date, play_id: str) -> int:
    """Delete a row as no publication does."""
    table = lake.table(dataset)
    table.delete(f"event_day = '{day}' and play_id = '{play_id}'")
    return refs.head(table.refresh())


def forget(lake: Lake) -> None:
    """Expire all earlier snapshots of `main`, as after many days."""
    table = lake.table(PLAYS)
    for name, ref in list(table.metadata.refs.items()):
        if name != refs.MAIN:
            table = refs.remove(table, name, expected=ref.snapshot_id)
    table.maintenance.expire_snapshots().by_ids(refs.ancestry(table)[1:]).commit()


def why(lake: Lake, dataset: str, day: date) -> Reason:
    reason = Validity(lake).status(dataset, day).reason
    assert reason is not None
    return reason


def test_a_published_day_that_lost_rows_is_thinned_and_names_both_counts(lake: Lake) -> None:
    commit = delete(lake, PLAYS, D1, "p0")
    reason = why(lake, PLAYS, D1)
    identity = history(lake, PLAYS).by_day[D1][0].publication_id
    assert reason.kind == "thinned"
    assert reason.detail == (
        f"thinned: main holds 19 rows, {identity} wrote 20; "
        f"snapshot {commit} is neither a publication nor a proven compaction"
    )
    assert reason.next_step == "`matinee run core.plays --key 2026-03-01` derives it again."
    assert Validity(lake).status(PLAYS, D2).valid
    assert Validity(lake).vtts(PLAYS).vtts is None


def test_a_published_day_that_somebody_else_added_to_is_tampered(lake: Lake) -> None:
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, "unaudited")]))
    assert why(lake, PLAYS, D1).detail.startswith("tampered: main holds 21 rows")


def test_a_row_that_became_another_is_seen_though_the_counts_agree(lake: Lake) -> None:
    table = lake.table(PLAYS)
    other = core_play(D1, "p0", title_id="another")
    table.overwrite(arrow(table, [other]), overwrite_filter=f"event_day = '{D1}' and play_id = 'p0'")
    assert why(lake, PLAYS, D1).detail.startswith("tampered: main holds 20 rows")
    assert Validity(lake).status(PLAYS, D2).valid


@pytest.mark.parametrize(("compact", "valid"), [(rearrange, True), (rewrite, False)])
def test_rearranged_files_leave_a_day_valid_only_with_a_proof(
    lake: Lake, compact: Callable[..., object], valid: bool
) -> None:
    main = refs.head(lake.table(PLAYS))
    compact(lake, PLAYS, D1, "compact_test")
    table = lake.table(PLAYS)
    refs.publish_snapshot(table, refs.head(table, "compact_test"), expected=main)
    assert Validity(lake).status(PLAYS, D1).valid == valid
    assert Validity(lake).status(PLAYS, D2).valid
    if not valid:
        assert why(lake, PLAYS, D1).detail.startswith("tampered: main holds 20 rows")


def test_the_counts_still_tell_when_the_commit_has_expired(lake: Lake) -> None:
    commit = delete(lake, PLAYS, D1, "p0")
    publish(lake, D2)
    recover(lake, PLAYS)
    lake.table(PLAYS).maintenance.expire_snapshots().by_ids([commit]).commit()
    assert why(lake, PLAYS, D1).detail.endswith("wrote 20")
    assert Validity(lake).status(PLAYS, D2).valid


def test_publishing_the_day_again_makes_it_and_its_readers_valid(lake: Lake) -> None:
    pins = (pin(lake, PLAYS, {D1: 1}), pin(lake, "core.impressions", {}))
    move_to_main(lake, prepare(lake, ATTRIBUTIONS, D1, [], pins=pins), lambda _: ())
    delete(lake, PLAYS, D1, "p0")
    reason = why(lake, ATTRIBUTIONS, D1)
    assert (reason.kind, reason.root.dataset, reason.root.kind) == ("input", PLAYS, "thinned")
    publish(lake, D1)
    assert Validity(lake).status(ATTRIBUTIONS, D1).valid


def test_where_all_is_well_no_manifest_is_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*arguments: object, **options: object) -> None:
        raise AssertionError("manifests were read")

    monkeypatch.setattr(outside, "day_sizes", read)
    monkeypatch.setattr(outside, "changed_files", read)
    assert changed_outside(lake, history(lake, PLAYS)) == {}


def test_a_publication_between_the_two_looks_is_no_change_from_outside(lake: Lake) -> None:
    before = history(lake, PLAYS)
    publish(lake, D1, rows=ROWS + 1)
    assert changed_outside(lake, before) == {}
    assert changed_outside(lake, history(lake, PLAYS)) == {}


def test_a_day_that_was_made_from_more_rows_than_are_left_is_thinned(lake: Lake) -> None:
    pinned = history(lake, PLAYS).by_day[D1][0].run.pin(RAW).snapshot_id
    delete(lake, RAW, D1, "p0")
    assert Validity(lake).status(RAW, D1).valid  # 19 of 20 are enough.
    reason = why(lake, PLAYS, D1)
    assert (reason.kind, reason.detail) == (
        "thinned",
        "thinned: published from 20 rows of raw.plays, which now holds 19",
    )
    assert f"what snapshot {pinned} of raw.plays holds" in reason.next_step
    publish(lake, D1, rows=ROWS - 1, generation=2)
    assert Validity(lake).status(PLAYS, D1).valid


def test_a_landed_day_that_lost_too_many_rows_is_thinned_not_waited_for(lake: Lake) -> None:
    for number in range(5):
        delete(lake, RAW, D1, f"p{number}")
    reason = why(lake, PLAYS, D1).root
    identity = history(lake, PLAYS).by_day[D1][0].publication_id
    assert (reason.dataset, reason.kind) == (RAW, "thinned")
    assert reason.detail == f"thinned: 15 of 20 rows (75%, by manifest); {identity} read 20"
    assert "Land the missing files" not in reason.next_step


def test_late_rows_of_a_landed_day_are_no_change_from_outside(lake: Lake) -> None:
    late = raw_play(D1, "late", received_ts=at(D2, timedelta(hours=1)))
    land(lake, RAW, [late], seq=2, close=False)
    assert Validity(lake).status(PLAYS, D1).valid


def test_a_look_older_than_a_publication_does_not_miss_the_rows_it_read(lake: Lake) -> None:
    look = Validity(lake)
    look.landed(RAW)
    land(lake, RAW, [raw_play(D1, "late")], seq=2, close=False)
    publish(lake, D1, rows=ROWS + 1, generation=2)
    assert look.status(PLAYS, D1).valid
    assert Validity(lake).status(PLAYS, D1).generation == 2


def test_a_day_that_changed_outside_is_withdrawn_before_the_commit_expires(lake: Lake) -> None:
    delete(lake, PLAYS, D1, "p0")
    recover_all(lake.settings)
    reason = why(lake, PLAYS, D1)
    assert reason.kind == "withdrawn"
    assert "thinned: main holds 19 rows" in reason.detail
    assert Validity(lake).status(PLAYS, D2).valid


def test_a_heal_of_other_buckets_does_not_make_it_right(lake: Lake) -> None:
    table = lake.table(PLAYS)
    table.delete(f"event_day = '{D1}' and play_id = 'p0'")
    table = table.refresh()
    table.append(arrow(table, [core_play(D1, "forged")]))
    healed = prepare(lake, PLAYS, D1, [], pins=(pin(lake, RAW, {D1: 1}),), read=ROWS, out=ROWS, buckets=(7,))
    move_to_main(lake, healed, lambda _: ())
    assert why(lake, PLAYS, D1).kind == "tampered"


def test_main_that_was_set_back_is_seen_though_the_counts_agree(lake: Lake) -> None:
    before = refs.head(lake.table(PLAYS))
    publish(lake, D1, generation=2)
    recover(lake, PLAYS)
    refs.move_branch(lake.table(PLAYS), refs.MAIN, before, expected=refs.head(lake.table(PLAYS)))
    reason, newest = why(lake, PLAYS, D1), history(lake, PLAYS).newest(D1)
    assert newest is not None
    assert reason.kind == "set_back"
    assert reason.detail == (
        f"set back: main does not hold {newest.publication_id} (snapshot {newest.head_snapshot_id}) any more"
    )
    assert Validity(lake).status(PLAYS, D2).valid
    assert Validity(lake).vtts(PLAYS).vtts is None


def test_a_day_that_was_set_back_is_valid_once_it_is_published_again(lake: Lake) -> None:
    before = refs.head(lake.table(PLAYS))
    publish(lake, D1, generation=2)
    recover(lake, PLAYS)
    refs.move_branch(lake.table(PLAYS), refs.MAIN, before, expected=refs.head(lake.table(PLAYS)))
    publish(lake, D1, generation=2)
    assert Validity(lake).status(PLAYS, D1).valid


def test_upkeep_withdraws_what_was_set_back_before_its_history_expires(lake: Lake) -> None:
    before = refs.head(lake.table(PLAYS))
    publish(lake, D1, generation=2)
    recover(lake, PLAYS)
    lost = refs.head(lake.table(PLAYS))
    refs.move_branch(lake.table(PLAYS), refs.MAIN, before, expected=lost)
    recover_all(lake.settings)
    publish(lake, D2, generation=1)
    forget(lake)
    assert why(lake, PLAYS, D1).kind == "withdrawn"
    assert Validity(lake).status(PLAYS, D2).valid


def test_a_publication_whose_snapshot_expired_was_on_main(lake: Lake) -> None:
    recover(lake, PLAYS)
    publish(lake, D2)
    recover(lake, PLAYS)
    forget(lake)
    assert Validity(lake).status(PLAYS, D1).valid


def test_main_that_was_put_on_a_branch_that_failed_its_audits_is_not_valid(lake: Lake) -> None:
    plays = [core_play(D1, f"x{number}") for number in range(ROWS)]
    run = prepare(lake, PLAYS, D1, plays, pins=(pin(lake, RAW, {D1: 1}),))
    prepared = history(lake, PLAYS).prepared(run.publication_id)
    assert prepared is not None
    failed = Verdict(audit="never", severity="blocking", verdict="fail", bad_rows=ROWS)
    record(lake, [replace(prepared, state=State.ABANDONED, verdicts=(failed,), recorded_ts=noted_after([prepared]))])
    put(lake, run)
    assert why(lake, PLAYS, D1).detail == f"main holds {run.publication_id}, which failed never"
    assert Validity(lake).status(PLAYS, D2).valid


def test_main_that_was_put_on_what_no_ledger_knows_is_tampered(lake: Lake) -> None:
    known = history(lake, PLAYS).newest(D1)
    assert known is not None
    experiment, main = replace(known.run, publication_id="core_plays_experiment"), refs.head(lake.table(PLAYS))
    table = refs.create_branch(lake.table(PLAYS), experiment.branch, main)
    overwrite(table, experiment, [core_play(D1, f"x{number}") for number in range(ROWS)], "event_day")
    put(lake, experiment)
    assert why(lake, PLAYS, D1).kind == "tampered"
    assert Validity(lake).status(PLAYS, D2).valid


def put(lake: Lake, run: Run) -> None:
    """Put main on the branch of a run, as no publication does."""
    table = lake.table(PLAYS)
    refs.move_branch(table, refs.MAIN, refs.head(table, run.branch), expected=refs.head(table))
