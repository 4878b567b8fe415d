"""Two identities are one cause where class and subject are the same and their days overlap or follow each other."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.support.alerts import CATALOG, T0, day, signal

from matinee.alerts.model import Identity, most_urgent


@pytest.mark.parametrize(("first", "second", "touches"), [(1, 1, True), (1, 2, True), (2, 1, True), (1, 3, False)])
def test_days_touch_that_are_equal_or_follow_each_other(first: int, second: int, touches: bool) -> None:
    assert day(first).touches(day(second)) is touches


def test_another_class_or_subject_is_another_cause() -> None:
    assert not day(1).touches(day(1, "core.impressions"))
    assert not day(1).touches(day(1, what="withdrawn"))


def test_a_cause_about_days_is_not_a_cause_about_no_day() -> None:
    assert not day(1).touches(Identity("unpublished", "core.plays"))
    assert CATALOG.touches(CATALOG)


def test_joined_identities_cover_the_days_of_both() -> None:
    assert day(1).joined(day(3)) == Identity("unpublished", "core.plays", date(2026, 3, 1), date(2026, 3, 3))
    assert CATALOG.joined(CATALOG) == CATALOG


def test_an_identity_reads_as_words() -> None:
    assert str(day(1)) == "core.plays unpublished, 2026-03-01"
    assert str(day(1).joined(day(2))) == "core.plays unpublished, 2026-03-01 to 2026-03-02"
    assert str(Identity("out_of_memory", "machine")) == "machine out of memory"


def test_a_signal_with_a_beginning_measures_its_age() -> None:
    aged = replace(signal(CATALOG), since=T0)
    assert aged.measured(T0 + timedelta(minutes=2)) == 120
    assert signal(CATALOG, value=0.5).measured(T0) == 0.5


def test_a_page_is_more_urgent_than_a_warning() -> None:
    assert most_urgent(["notice", "page", "warning"]) == "page"
