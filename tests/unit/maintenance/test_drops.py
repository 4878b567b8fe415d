"""A contract's `keep` drops whole days, but no day that somebody needs."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.support.lakes import D1, D2, D3, KeptLake, arrow, core_play, ids, land, leave_out, pin, prepare, raw_play

from matinee.contracts.model import Contract, live_name
from matinee.contracts.registry import Registry
from matinee.days import end_of
from matinee.errors import CommitConflictError, ContractError
from matinee.ledger import pins
from matinee.ledger.dropping import begin_of
from matinee.ledger.ledger import history
from matinee.ledger.pinned_sets import hold
from matinee.ledger.withdrawal import withdraw
from matinee.maintenance import drops, upkeep
from matinee.maintenance.drops import Drop, drop, plan_drop
from matinee.maintenance.needs import needs
from matinee.maintenance.retention import expire, plan_expiry
from matinee.publication.move import drop_branches, move_to_main
from matinee.table import refs
from matinee.table.catalog import Lake
from matinee.validity.outside import changed_outside
from matinee.validity.validity import Validity

RAW, PLAYS, IMPRESSIONS, ATTRIBUTIONS = "raw.plays", "core.plays", "core.impressions", "core.play_attributions"
NOW = datetime(2026, 3, 10, tzinfo=UTC)


def keeping(lake: Lake, dataset: str, days: int) -> Lake:
    """The lake, with a contract that keeps this number of days of a dataset."""
    known = {contract.dataset: contract for contract in lake.registry.all()}
    kept: dict[str, Contract] = known | {dataset: replace(known[dataset], keep=timedelta(days=days))}
    return replace(lake, registry=Registry(kept))


def fill(lake: Lake) -> None:
    land(lake, RAW, [raw_play(day, f"p{day.day}") for day in (D1, D2, D3)])
    for day in (D1, D2, D3):
        publish(lake, day)


@pytest.fixture(scope="module")
def kept_lake(tmp_path_factory: pytest.TempPathFactory) -> KeptLake:
    return KeptLake(tmp_path_factory.mktemp("lake"), fill)


@pytest.fixture
def lake(kept_lake: KeptLake) -> Lake:
    """Three days of plays, landed and published, of which two are kept."""
    return keeping(kept_lake.begin(), PLAYS, 2)


def publish(lake: Lake, day: date) -> None:
    pins = (replace(pin(lake, RAW, {day: 1}), landing_seq=1),)
    run = prepare(lake, PLAYS, day, [core_play(day, f"p{day.day}")], pins=pins)
    move_to_main(lake, run, lambda _: ())
    drop_branches(lake.table(PLAYS), run)


def dropped(lake: Lake, dataset: str = PLAYS) -> Drop:
    outcome = drop(lake, dataset, NOW)
    assert outcome is not None
    return outcome


def refused(lake: Lake, dataset: str = PLAYS) -> str:
    """Return who needs the days; nothing is dropped."""
    before = refs.head(lake.table(dataset))
    outcome = dropped(lake, dataset)
    assert (outcome.days, refs.head(lake.table(dataset))) == (0, before)
    return outcome.needed[0].who


def test_days_older_than_keep_go_counted_from_the_newest_valid_one(lake: Lake) -> None:
    outcome = dropped(lake)
    assert (outcome.first, outcome.before, outcome.days, outcome.rows, outcome.kept) == (D2, D2, 1, 1, 0)
    assert ids(lake, PLAYS, "play_id") == ["p2", "p3"]
    assert Validity(lake).owed_from(PLAYS) == D2
    assert Validity(lake).vtts(PLAYS).vtts == end_of(D3)


def test_a_second_night_without_a_newer_day_drops_nothing(lake: Lake) -> None:
    dropped(lake)
    head = refs.head(lake.table(PLAYS))
    outcome = drop(lake, PLAYS, NOW + timedelta(days=1000))
    assert outcome is not None
    assert (outcome.moves, refs.head(lake.table(PLAYS))) == (False, head)


def test_a_newest_day_that_is_not_valid_does_not_count(lake: Lake) -> None:
    newest = history(lake, PLAYS).newest(D3)
    assert newest is not None
    withdraw(lake, newest, "doubled starts")
    assert dropped(lake).first == D1


def test_landed_days_go_too(lake: Lake) -> None:
    outcome = dropped(keeping(lake, RAW, 1), RAW)
    assert (outcome.before, ids(lake, RAW, "play_id")) == (D3, ["p3"])
    validity = Validity(lake)
    assert validity.vtts(RAW).vtts == validity.vtts(PLAYS).vtts == end_of(D3)
    assert validity.status(PLAYS, D1).valid


def test_a_dataset_without_keep_loses_nothing(lake: Lake) -> None:
    assert drop(lake, RAW, NOW) is None


def test_what_is_younger_than_keep_stays(lake: Lake) -> None:
    outcome = dropped(keeping(lake, PLAYS, 3))
    assert (outcome.moves, begin_of(lake.table(PLAYS))) == (False, None)


def test_the_nightly_expiry_drops_and_says_what(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep.Lake, "open", lambda _: lake)
    details = upkeep.expire_snapshots(lake.settings, PLAYS, NOW).details
    assert (details["days_dropped"], details["rows_dropped"], details["days_needed"]) == (1, 1, 0)
    again = upkeep.recover_all(lake.settings)
    assert again.details == {"rows_appended": 0}  # Nothing is taken for a change from outside.


# --- what is needed stays ---------------------------------------------------------------------------------------------


def test_a_pinned_set_keeps_its_days_until_it_ends(lake: Lake) -> None:
    held = hold(lake, {PLAYS: refs.head(lake.table(PLAYS))}, date(2026, 3, 12), "model 7", "me")
    assert refused(lake) == f"the pinned set {held.pin_id} of me (model 7)"
    planned = plan_drop(lake, PLAYS, held.ends)
    assert planned is not None
    assert (planned.days, planned.needed) == (1, ())


def test_a_set_whose_tag_and_snapshot_are_gone_keeps_nothing(lake: Lake) -> None:
    gone = refs.head(lake.table(PLAYS))
    held = hold(lake, {PLAYS: gone}, date(2026, 3, 12), "model 7", "me")
    refs.remove(lake.table(PLAYS), held.tag, expected=gone)
    publish(lake, D3)
    lake.table(PLAYS).maintenance.expire_snapshots().by_ids([gone]).commit()
    assert dropped(lake).days == 1


def test_a_run_keeps_the_days_that_it_reads(lake: Lake) -> None:
    run = "core_play_attributions_20260301_r1"
    pins.hold(lake, run, {PLAYS: refs.head(lake.table(PLAYS))})
    outcome = drop(lake, PLAYS, datetime.now(UTC))
    assert outcome is not None
    assert (outcome.days, outcome.kept, [need.who for need in outcome.needed]) == (0, 1, [f"the run {run}"])


def test_a_run_that_reads_younger_days_keeps_none(lake: Lake) -> None:
    pins.hold(lake, "core_play_attributions_20260303_r1", {PLAYS: refs.head(lake.table(PLAYS))})
    assert dropped(lake).days == 1


def test_an_open_branch_keeps_the_day_that_it_changes(lake: Lake) -> None:
    run = prepare(lake, PLAYS, D1, [core_play(D1, "healed")])
    assert refused(lake) == f"the branch {run.branch} of core.plays"


def test_an_open_branch_of_a_reader_keeps_what_it_was_made_from(lake: Lake) -> None:
    # Attributions of the second day read impressions of the first.
    lake = keeping(lake, IMPRESSIONS, 1)
    table = lake.ensure(IMPRESSIONS)
    run = prepare(lake, ATTRIBUTIONS, D2, [], pins=())
    needed = list(needs(lake, lake.registry.get(IMPRESSIONS), table, D3, NOW))
    assert [(need.first, need.who) for need in needed] == [(D1, f"the branch {run.branch} of {ATTRIBUTIONS}")]


def test_a_live_table_keeps_what_its_days_are_made_from(lake: Lake) -> None:
    live = lake.ensure(live_name(ATTRIBUTIONS))
    row = {"play_id": "p1", "profile_id": "a", "title_id": "t", "start_ts": datetime(2026, 3, 1, tzinfo=UTC)}
    live.append(arrow(live, [row | {"play_day": D1, "profile_bucket": 0}]))
    assert refused(lake) == f"the live table {live_name(ATTRIBUTIONS)}"
    assert refused(keeping(lake, RAW, 1), RAW) == f"the live table {live_name(ATTRIBUTIONS)}"


def test_days_before_the_first_that_is_needed_go(lake: Lake) -> None:
    prepare(lake, PLAYS, D2, [core_play(D2, "healed")])
    outcome = dropped(keeping(lake, PLAYS, 1))
    assert (outcome.first, outcome.before, outcome.days, outcome.kept) == (D3, D2, 1, 1)
    assert ids(lake, PLAYS, "play_id") == ["p2", "p3"]


def test_a_day_that_is_published_between_the_look_and_the_drop_is_met(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_before, left = drops.drop_before, [True]

    def late(*arguments: object) -> None:
        if left.pop() if left else False:
            publish(lake, D1)
        drop_before(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(drops, "drop_before", late)
    assert dropped(lake).days == 1
    assert ids(lake, PLAYS, "play_id") == ["p2", "p3"]
    assert changed_outside(lake, history(lake, PLAYS)) == {}


def test_a_run_that_pins_at_the_last_moment_reads_its_days_all_the_same(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_before, head = drops.drop_before, refs.head(lake.table(PLAYS))

    def late(*arguments: object) -> None:
        pins.hold(lake, "core_play_attributions_20260301_r1", {PLAYS: head})
        drop_before(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(drops, "drop_before", late)
    assert dropped(lake).days == 1
    expire(lake, plan_expiry(lake, PLAYS, datetime.now(UTC) + timedelta(hours=47)))
    rows = lake.table(PLAYS).scan(snapshot_id=head).to_arrow()
    assert sorted(rows["play_id"].to_pylist()) == ["p1", "p2", "p3"]


def test_others_that_commit_first_each_time_end_a_drop(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[bool] = []

    def lose(*_: object) -> None:
        tries.append(True)
        raise CommitConflictError("Others were first.", next_step="Again.")

    monkeypatch.setattr(drops, "drop_before", lose)
    with pytest.raises(CommitConflictError, match=f"{refs.COMMIT_TRIES} times: no day was dropped"):
        drop(lake, PLAYS, NOW)
    assert len(tries) == refs.COMMIT_TRIES
    assert ids(lake, PLAYS, "play_id") == ["p1", "p2", "p3"]


def test_no_day_is_dropped_while_a_contract_cannot_be_used(lake: Lake) -> None:
    with pytest.raises(ContractError, match=r"No day of core\.plays is dropped, .* core\.impression_plays: a mistake"):
        drop(leave_out(lake, "core.impression_plays"), PLAYS, NOW)
    assert ids(lake, PLAYS, "play_id") == ["p1", "p2", "p3"]
