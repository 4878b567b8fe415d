"""Stamps tell whether rows changed; what is not known counts as unchanged."""

from matinee.contracts.stamps import EMPTY, changed, day_stamp, from_text, merged, stamp_of, to_text


def test_a_stamp_has_sixteen_digits_whatever_the_sum() -> None:
    assert [stamp_of(total) for total in (None, -1, 2**70)] == [EMPTY, "f" * 16, EMPTY]


def test_stamps_are_read_as_they_were_written() -> None:
    for stamps in ({0: "a", 11: "b"}, {None: "c"}, {}):
        assert from_text(to_text(stamps)) == stamps
    assert from_text(None) == {}


def test_a_day_has_one_stamp_for_its_cells_in_any_order() -> None:
    assert day_stamp({0: "a", 1: "b"}) == day_stamp({1: "b", 0: "a"})
    assert day_stamp({0: "a", 1: "b"}) != day_stamp({0: "b", 1: "a"})
    assert day_stamp({}) is None


def test_a_heal_changes_the_stamps_of_its_cells_only() -> None:
    assert merged({0: "a", 1: "b"}, {1: "c"}) == {0: "a", 1: "c"}


def test_a_heal_of_a_day_without_stamps_leaves_them_unknown() -> None:
    assert merged({}, {1: "c"}) == {}


def test_a_bucket_without_a_stamp_counts_as_changed_by_a_heal() -> None:
    assert changed({0: "a", 1: "b"}, {0: "a", 1: "c", 2: "d"}, (0, 1, 2)) == (1, 2)
