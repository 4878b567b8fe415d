"""Activation: one pointer, which only moves to a version that passed, and back by rollback alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.lakes import D1, D2
from tests.support.served import OFFERS, offer, publish_offers, versions_of

from matinee.errors import CommitConflictError, NotActivatedError, UsageError, VersionGoneError
from matinee.serving.activation import activate, rollback
from matinee.serving.building import build
from matinee.serving.gate import judge
from matinee.serving.versions import Pointer, Versions
from matinee.table.catalog import Lake


@pytest.fixture
def two(lake: Lake) -> tuple[Versions, str, str]:
    """Two versions that passed: of the first day and of the second."""
    publish_offers(lake, [offer("de", "t1", D2)], D2)
    built = [build(lake, OFFERS, day).version for day in (D1, D2)]
    for version in built:
        judge(lake, OFFERS, version)
    return versions_of(lake), built[0], built[1]


def test_the_pointer_says_who_moved_it_and_from_where(two: tuple[Versions, str, str]) -> None:
    versions, old, new = two
    activate(versions, old, "me")
    pointer = activate(versions, new, "you", "the new day")
    assert (pointer.active, pointer.key, pointer.number) == (new, D2, 2)
    told = [(each.act, each.version, each.who, each.reason, each.before) for each in pointer.activations]
    assert told == [("activate", old, "me", "", None), ("activate", new, "you", "the new day", old)]
    assert versions.pointer() == pointer


def test_activating_the_active_version_changes_nothing(two: tuple[Versions, str, str]) -> None:
    versions, old, _ = two
    assert activate(versions, old, "me") == activate(versions, old, "me")


def test_an_older_key_is_not_activated(two: tuple[Versions, str, str]) -> None:
    versions, old, new = two
    activate(versions, new, "me")
    with pytest.raises(NotActivatedError, match="is of 2026-03-01, and the active version is of 2026-03-02") as refused:
        activate(versions, old, "me", "x", force=True)
    assert f"rollback {OFFERS} --to {old}" in refused.value.next_step
    assert rollback(versions, "me", to=old).active == old


def test_a_rollback_goes_to_the_version_before_and_is_remembered(two: tuple[Versions, str, str]) -> None:
    versions, old, new = two
    activate(versions, old, "me")
    activate(versions, new, "me")
    pointer = rollback(versions, "me", "wrong prices")
    assert (pointer.active, pointer.left, pointer.activations[-1].reason) == (old, {new}, "wrong prices")
    with pytest.raises(NotActivatedError, match="no earlier version"):
        rollback(versions, "me")
    assert activate(versions, new, "me").left == set()


def test_a_version_that_was_left_by_itself_may_be_activated_by_itself(two: tuple[Versions, str, str]) -> None:
    versions, old, new = two
    activate(versions, old, "me")
    activate(versions, new, "me")
    pointer = rollback(versions, "a withdrawal", act="withdraw")
    assert (pointer.active, pointer.left) == (old, set())


def test_a_rollback_passes_over_versions_that_are_withdrawn_or_gone(two: tuple[Versions, str, str]) -> None:
    versions, old, new = two
    activate(versions, old, "me")
    activate(versions, new, "me")
    versions.change(lambda pointer: replace(pointer, withdrawn={old: "wrong prices"}))
    with pytest.raises(NotActivatedError, match="no earlier version"):
        rollback(versions, "me")


def test_what_nobody_has_judged_is_not_activated(lake: Lake) -> None:
    version = build(lake, OFFERS).version
    with pytest.raises(NotActivatedError, match="nothing has judged it yet"):
        activate(versions_of(lake), version, "me")
    with pytest.raises(UsageError, match="forced for a reason"):
        activate(versions_of(lake), version, "me", force=True)
    pointer = activate(versions_of(lake), version, "me", "a trial", force=True)
    assert pointer.activations[-1].reason == "forced: a trial"


def test_a_version_that_is_not_whole_is_not_activated(lake: Lake) -> None:
    with pytest.raises(VersionGoneError, match="has no version 20260301_x"):
        activate(versions_of(lake), "20260301_x", "me", "x", force=True)


def test_of_two_that_move_the_pointer_one_goes_after_the_other(two: tuple[Versions, str, str]) -> None:
    versions, old, new = two
    others = iter([lambda: activate(versions, old, "you")])

    def wanted(pointer: Pointer) -> Pointer:
        meanwhile: Callable[[], Pointer] = next(others, lambda: pointer)
        meanwhile()
        return Pointer(new, D2, activations=pointer.activations)

    pointer = versions.change(wanted)
    assert (pointer.active, pointer.number, [each.version for each in pointer.activations]) == (new, 2, [old])


def test_the_pointer_stays_where_others_are_always_faster(two: tuple[Versions, str, str]) -> None:
    versions, old, _ = two

    def wanted(pointer: Pointer) -> Pointer:
        versions.files.write("pointer.json", f'{{"number": {pointer.number + 1}}}'.encode())
        return Pointer(old, D1)

    with pytest.raises(CommitConflictError, match=r"moved the pointer of dims.offers first"):
        versions.change(wanted)
    assert versions.pointer().active is None
