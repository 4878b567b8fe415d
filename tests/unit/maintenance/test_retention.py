"""Retention: nothing expires that a publication or a branch needs, or a consumer has yet to read."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from tests.support.lakes import D1, D2, PLANNED, arrow, core_play, leave_out, make_lake, overwrite, pin, prepare

from matinee.errors import ContractError
from matinee.landing.batches import unfinished
from matinee.landing.landed_files import register
from matinee.landing.model import QUARANTINE, Landing
from matinee.ledger.ledger import history, record
from matinee.ledger.model import Publication, Run, State
from matinee.ledger.recovery import abandoned
from matinee.maintenance.retention import expire, plan_expiry, retained
from matinee.publication.move import move_to_main
from matinee.settings import CHECKOUT
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.table.files import LANDING_SEQ
from matinee.table.snapshots import since

PLAYS, ATTRIBUTIONS = "core.plays", "core.play_attributions"
MUCH_LATER = datetime(2030, 1, 1, tzinfo=UTC)
RETAINED = timedelta(days=14)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def commit(lake: Lake, *names: str) -> list[int]:
    """Commit one play to `main` for each name; return the snapshots."""
    made = []
    for name in names:
        table = lake.ensure(PLAYS)
        table.append(arrow(table, [core_play(D2, name)]))
        made.append(refs.head(lake.table(PLAYS)))
    return made


def write_run(lake: Lake, dataset: str, **values: object) -> Run:
    """Write a run's rows to its audit branch; nothing is judged or recorded yet."""
    table = lake.ensure(dataset)
    identity, base = f"{dataset.replace('.', '_')}_20260301_r1", refs.head(table)
    run = Run(identity, dataset, str(D1), D1, D1, base, values.get("pins", ()), "1.0.0", "test", PLANNED)  # type: ignore[arg-type]
    table = refs.create_branch(table, run.branch, base)
    overwrite(table, run, [], lake.registry.get(dataset).day_column or "")
    return run


def expired(lake: Lake, dataset: str = PLAYS, now: datetime = MUCH_LATER) -> Table:
    """Expire what may go at a time; return the table."""
    expire(lake, plan_expiry(lake, dataset, now))
    return lake.table(dataset)


def kept(table: Table, *snapshot_ids: int) -> list[bool]:
    return [table.metadata.snapshot_by_id(snapshot_id) is not None for snapshot_id in snapshot_ids]


def moment(table: Table, snapshot_id: int) -> datetime:
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    assert snapshot is not None
    return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)


def test_a_snapshot_that_main_was_until_lately_is_kept_however_old_it_is(lake: Lake) -> None:
    oldest, old, new = commit(lake, "a", "b", "c")
    replaced = moment(lake.table(PLAYS), new)
    table = expired(lake, now=replaced + RETAINED)
    assert kept(table, oldest, old, new) == [False, True, True]
    assert kept(expired(lake, now=replaced + RETAINED + timedelta(seconds=1)), old, new) == [False, True]


def test_a_run_that_is_not_judged_yet_can_still_be_replayed_from_its_base(lake: Lake) -> None:
    before, base = commit(lake, "a", "b")
    run = write_run(lake, PLAYS)
    commit(lake, "c", "d", "e")
    table = expired(lake)
    assert kept(table, before, base) == [False, True]
    assert len(since(table, base, refs.head(table)) or ()) == 3
    audited = refs.head(table, run.branch)
    record(lake, [Publication(run, D1, State.PREPARED, 1, PLANNED, audited_snapshot_id=audited)])
    published = move_to_main(lake, run, lambda _: ())
    assert published.replayed


def test_a_branch_without_a_commit_keeps_its_base_and_what_followed(lake: Lake) -> None:
    [base] = commit(lake, "a")
    refs.create_branch(lake.table(PLAYS), "audit_core_plays_20260301_r1", base)
    later, head = commit(lake, "b", "c")
    assert kept(expired(lake), base, later, head) == [True, True, True]


@pytest.mark.parametrize("branch", ["replay_core_plays_20260301_r1", "landing_ab", "compact_core_plays_20260301"])
def test_a_branch_that_has_moved_on_keeps_what_it_came_from(lake: Lake, branch: str) -> None:
    before, base = commit(lake, "a", "b")
    table = refs.create_branch(lake.table(PLAYS), branch, base)
    table.append(arrow(table, [core_play(D1)]), branch=branch)
    commit(lake, "c", "d")
    table = expired(lake)
    assert kept(table, before, base, refs.head(table, branch)) == [False, True, True]


def test_what_was_judged_and_refused_holds_nothing_but_its_own_rows(lake: Lake) -> None:
    [base] = commit(lake, "a")
    run = prepare(lake, PLAYS, D1, [core_play(D1)])
    [prepared] = history(lake, PLAYS).all()
    record(lake, [abandoned(prepared, "a blocking audit failed")])
    commit(lake, "b")
    table = expired(lake)
    assert kept(table, base, refs.head(table, run.branch)) == [False, True]


def test_what_a_run_that_is_not_judged_yet_has_read_is_kept(lake: Lake) -> None:
    before, read = commit(lake, "a", "b")
    write_run(lake, ATTRIBUTIONS, pins=(pin(lake, PLAYS, {D1: 1}),))
    commit(lake, "c")
    assert kept(expired(lake), before, read) == [False, True]


def test_what_a_retained_publication_has_read_is_kept_as_long_as_it_is(lake: Lake) -> None:
    [read] = commit(lake, "a")
    pins = (pin(lake, PLAYS, {D1: 1}),)
    commit(lake, "b")
    published = move_to_main(lake, prepare(lake, ATTRIBUTIONS, D1, [], pins=pins), lambda _: ())
    last = moment(lake.table(ATTRIBUTIONS), published.snapshot_id) + RETAINED
    assert kept(expired(lake, now=last), read) == [True]
    assert kept(expired(lake, now=last + timedelta(seconds=1)), read) == [False]


def test_a_snapshot_that_was_tagged_since_the_plan_stays(lake: Lake) -> None:
    old, older, head = commit(lake, "a", "b", "c")
    expiry = plan_expiry(lake, PLAYS, MUCH_LATER)
    refs.create_tag(lake.table(PLAYS), "before_the_incident", old)
    expire(lake, expiry)
    assert kept(lake.table(PLAYS), old, older, head) == [True, False, True]


def test_of_a_days_publications_the_last_three_are_retained(lake: Lake) -> None:
    for attempt in ("one", "two", "three", "four", "five"):
        run = prepare(lake, PLAYS, D1, [], attempt=attempt)
        if attempt != "five":
            move_to_main(lake, run, lambda _: ())
    attempts = {publication.publication_id.rpartition("_")[2] for publication in retained(lake, PLAYS, PLANNED)}
    assert attempts == {"two", "three", "four", "five"}


def test_a_tag_that_is_no_publications_own_is_kept(lake: Lake) -> None:
    [tagged] = commit(lake, "a")
    refs.create_tag(lake.table(PLAYS), "before_the_incident", tagged)
    commit(lake, "b")
    assert kept(expired(lake), tagged) == [True]


def test_expiry_that_loses_the_race_for_the_tables_metadata_tries_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, head = commit(lake, "a", "b")
    expiry = plan_expiry(lake, PLAYS, MUCH_LATER)
    kind, lost = type(lake.catalog), []
    commit_table = kind.commit_table

    def lose_once(*arguments: object) -> object:
        if not lost:
            lost.append(True)
            raise CommitFailedException("Table has been updated by another process")
        return commit_table(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "commit_table", lose_once)
    expire(lake, expiry)
    assert kept(lake.table(PLAYS), old, head) == [False, True]


@pytest.fixture
def between(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something else happen, once, between the next commit's look at its table and the commit."""

    def arrange(meanwhile: Callable[[], object]) -> None:
        kind, left = type(lake.catalog), [meanwhile]
        commit_table = kind.commit_table

        def commit_after(*arguments: object) -> object:
            if left:
                left.pop()()
            return commit_table(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(kind, "commit_table", commit_after)

    return arrange


def test_what_another_expirer_removed_meanwhile_is_gone_and_the_rest_goes(
    lake: Lake, between: Callable[[Callable[[], object]], None]
) -> None:
    old, older, head = commit(lake, "a", "b", "c")
    expiry = plan_expiry(lake, PLAYS, MUCH_LATER)
    between(lambda: expire(lake, replace(expiry, snapshot_ids=(old,))))
    expire(lake, expiry)
    assert kept(lake.table(PLAYS), old, older, head) == [False, False, True]


def test_two_expirers_of_the_same_snapshots_both_end_well(
    lake: Lake, between: Callable[[Callable[[], object]], None]
) -> None:
    old, head = commit(lake, "a", "b")
    expiry = plan_expiry(lake, PLAYS, MUCH_LATER)
    between(lambda: expire(lake, expiry))
    expire(lake, expiry)
    assert kept(lake.table(PLAYS), old, head) == [False, True]


def test_a_tag_that_another_expirer_removes_is_gone(
    lake: Lake, between: Callable[[Callable[[], object]], None]
) -> None:
    old, head = commit(lake, "a", "b")
    refs.create_tag(lake.table(PLAYS), "pub_core_plays_20260301_r1", old)
    expiry = plan_expiry(lake, PLAYS, MUCH_LATER)
    between(lambda: expire(lake, expiry))
    expire(lake, expiry)
    assert kept(lake.table(PLAYS), old, head) == [False, True]


def test_a_branch_that_is_made_while_its_snapshot_is_to_go_keeps_it(
    lake: Lake, between: Callable[[Callable[[], object]], None]
) -> None:
    old, older, head = commit(lake, "a", "b", "c")
    expiry = plan_expiry(lake, PLAYS, MUCH_LATER)
    between(lambda: refs.create_branch(lake.table(PLAYS), "held", old))
    expire(lake, expiry)
    table = lake.table(PLAYS)
    assert refs.reference(table, "held") == old
    assert kept(table, old, older, head) == [True, False, True]


def test_a_register_of_any_namespace_expires_within_hours(tmp_path: Path) -> None:
    sql = Path(shutil.copytree(CHECKOUT / "sql", tmp_path / "sql"))
    shutil.copytree(sql / "ops" / "heals", sql / "books" / "heals")
    file = sql / "books" / "heals" / "contract.odcs.yaml"
    file.write_text(file.read_text().replace("ops.heals", "books.heals"))
    lake = Lake.open(make_lake(tmp_path / "home").settings.model_copy(update={"sql_dir": sql}))
    snapshots = []
    for number in ("1", "2"):
        with lake.ensure("books.heals").transaction() as change, change.update_snapshot({"n": number}).fast_append():
            pass
        snapshots.append(refs.head(lake.table("books.heals")))
    table = expired(lake, "books.heals", datetime.now(UTC) + timedelta(hours=2))
    assert kept(table, *snapshots) == [False, True]


def test_the_quarantine_keeps_a_landing_until_its_other_rows_have_landed(lake: Lake) -> None:
    landing = Landing("raw.plays", "f", "ab" * 32, 2, 1, 1, {}, PLANNED, landing_seq=1)
    table = lake.ensure(QUARANTINE)
    first = refs.head(table)
    with table.transaction() as transaction, transaction.update_snapshot(landing.to_summary()).fast_append():
        pass
    begun = refs.head(lake.table(QUARANTINE))
    for number in ("2", "3"):
        table = lake.table(QUARANTINE)
        with table.transaction() as transaction, transaction.update_snapshot({LANDING_SEQ: number}).fast_append():
            pass
    assert kept(expired(lake, QUARANTINE), first, begun) == [False, True]
    register(lake, [landing])
    assert kept(expired(lake, QUARANTINE), begun) == [False]


def test_a_landing_whose_file_never_comes_again_holds_its_snapshot_alone(lake: Lake) -> None:
    landing = Landing("raw.plays", "f", "ab" * 32, 2, 1, 1, {}, PLANNED, landing_seq=1)
    made = []
    for summary in (landing.to_summary(), {LANDING_SEQ: "2"}, {LANDING_SEQ: "3"}, {LANDING_SEQ: "4"}):
        with lake.ensure(QUARANTINE).transaction() as transaction, transaction.update_snapshot(summary).fast_append():
            pass
        made.append(refs.head(lake.table(QUARANTINE)))
    assert kept(expired(lake, QUARANTINE), *made) == [True, False, False, True]
    assert kept(expired(lake, QUARANTINE), *made) == [True, False, False, True]
    assert [known.snapshot_id for known in unfinished(lake)] == made[:1]


def test_nothing_expires_while_a_contract_cannot_be_used(lake: Lake) -> None:
    commit(lake, "p1", "p2")
    with pytest.raises(ContractError, match=r"Nothing of core\.plays expires, .* core\.impression_plays: a mistake"):
        plan_expiry(leave_out(lake, "core.impression_plays"), PLAYS, MUCH_LATER)
