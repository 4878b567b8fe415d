"""Pinned sets: the register says what is held, and tags follow the register whoever died in between."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.support.lakes import D1, arrow, core_play, make_lake

from matinee.errors import CommitConflictError, SnapshotGoneError
from matinee.ledger import pinned_sets as module
from matinee.ledger.pinned_sets import PinnedSet, end, end_overdue, held, hold, missing, settle
from matinee.table import names, refs
from matinee.table.catalog import Lake

PLAYS, IMPRESSIONS, UNTIL = "core.plays", "core.impressions", date(2026, 4, 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    lake.ensure(PLAYS)
    lake.ensure(IMPRESSIONS)
    return lake


def heads(lake: Lake, *datasets: str) -> dict[str, int]:
    return {dataset: refs.head(lake.table(dataset)) for dataset in datasets or (PLAYS, IMPRESSIONS)}


def made(lake: Lake, why: str = "model 7", until: date = UNTIL) -> PinnedSet:
    return hold(lake, heads(lake), until, why, "me")


def tagged(lake: Lake, pinned: PinnedSet) -> dict[str, int | None]:
    return {dataset: refs.reference(lake.table(dataset), pinned.tag) for dataset in (PLAYS, IMPRESSIONS)}


def append(lake: Lake, play_id: str) -> int:
    table = lake.table(PLAYS)
    table.append(arrow(table, [core_play(D1, play_id)]))
    return refs.head(lake.table(PLAYS))


def test_a_set_comes_back_from_the_register_as_it_was_made(lake: Lake) -> None:
    pinned = made(lake)
    assert held(lake) == [pinned]
    assert pinned.snapshots == heads(lake)
    assert tagged(lake, pinned) == heads(lake)
    assert missing(lake, pinned) == []


def test_the_same_set_is_held_once_and_another_one_has_its_own_number(lake: Lake) -> None:
    first = made(lake)
    assert made(lake) == first
    others = [made(lake, why="model 8"), made(lake, until=UNTIL + timedelta(days=1))]
    assert [pinned.pin_id.rpartition("_")[2] for pinned in (first, *others)] == ["1", "2", "3"]
    assert held(lake) == [first, *others]


def test_a_tag_that_is_missing_is_told_and_put_by_the_next_look(lake: Lake) -> None:
    pinned = made(lake)
    refs.drop(lake.table(IMPRESSIONS), pinned.tag)
    assert missing(lake, pinned) == [IMPRESSIONS]
    settle(lake)
    assert tagged(lake, pinned) == heads(lake)


def test_a_tag_of_no_set_goes_and_other_tags_stay(lake: Lake) -> None:
    pinned = made(lake)
    refs.create_tag(lake.table(PLAYS), f"{names.SET}unknown", refs.head(lake.table(PLAYS)))
    refs.create_tag(lake.table(PLAYS), f"{names.PUBLICATION}a", refs.head(lake.table(PLAYS)))
    settle(lake)
    tags = set(lake.table(PLAYS).metadata.refs)
    assert tags == {refs.MAIN, pinned.tag, f"{names.PUBLICATION}a"}


def test_a_set_whose_snapshot_has_expired_ends_with_the_next_look(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    append(lake, "p1")
    pinned, other = made(lake), hold(lake, heads(lake, IMPRESSIONS), UNTIL, "other", "me")
    refs.drop(lake.table(PLAYS), pinned.tag)
    append(lake, "p2")
    lake.table(PLAYS).maintenance.expire_snapshots().by_id(pinned.snapshots[PLAYS]).commit()
    settle(lake)
    assert held(lake) == [other]
    assert tagged(lake, pinned) == {PLAYS: None, IMPRESSIONS: None}
    assert f"The pinned set {pinned.pin_id} ends" in caplog.text


def test_a_set_of_a_snapshot_that_is_gone_is_refused_and_nothing_is_held(lake: Lake) -> None:
    with pytest.raises(SnapshotGoneError, match=r"Snapshot 7 of core\.plays has expired: it cannot be held"):
        hold(lake, {IMPRESSIONS: refs.head(lake.table(IMPRESSIONS)), PLAYS: 7}, UNTIL, "model 7", "me")
    assert held(lake) == []
    assert set(lake.table(IMPRESSIONS).metadata.refs) == {refs.MAIN}


def test_a_set_that_has_ended_is_not_held_and_has_no_tag(lake: Lake) -> None:
    pinned, other = made(lake), made(lake, why="model 8")
    end(lake, pinned)
    assert held(lake) == [other]
    assert tagged(lake, pinned) == {PLAYS: None, IMPRESSIONS: None}
    assert tagged(lake, other) == heads(lake)


def test_a_set_ends_at_the_end_of_its_last_day(lake: Lake) -> None:
    pinned, longer = made(lake), made(lake, until=UNTIL + timedelta(days=1))
    assert end_overdue(lake, pinned.ends - timedelta(microseconds=1)) == []
    assert end_overdue(lake, pinned.ends) == [pinned]
    assert held(lake) == [longer]


def test_a_lake_without_sets_needs_no_look(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    settle(lake)
    assert held(lake) == []


@pytest.mark.parametrize("ours", [True, False], ids=["as we do", "elsewhere"])
def test_a_tag_that_another_process_put_meanwhile_is_right_or_a_conflict(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    before, put_tag = refs.head(lake.table(PLAYS)), refs.put_tag
    head = append(lake, "p1")

    def raced(table: object, name: str, snapshot_id: int, **values: object) -> object:
        monkeypatch.setattr(module.refs, "put_tag", put_tag)
        refs.create_tag(lake.table(PLAYS), name, head if ours else before)
        return put_tag(table, name, snapshot_id, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(module.refs, "put_tag", raced)
    if ours:
        assert missing(lake, hold(lake, {PLAYS: head}, UNTIL, "model 7", "me")) == []
    else:
        with pytest.raises(CommitConflictError):
            hold(lake, {PLAYS: head}, UNTIL, "model 7", "me")
