"""A backfill restates the newest of keys that stand alone, unless a person names others."""

from tests.support.lakes import kept
from tests.support.weeks import BEGIN, PLAYS, W1, W2, W3, WEDNESDAY, WEEKS, publish_week, weekly, with_plays
from tests.unit.backfill.test_plan import weeks

from matinee.table.catalog import Lake

kept_lake, lake = kept(with_plays, weekly("history: newest"))


def test_only_the_newest_of_keys_that_stand_alone_is_restated(lake: Lake) -> None:
    for key in (W1, W2):
        publish_week(lake, key)
    assert weeks(lake, PLAYS, BEGIN, W3) == (W2, W2, 1)
    assert weeks(lake, PLAYS, BEGIN, W1) is None
    assert weeks(lake, WEEKS, W1, W1) == (W1, W1, 1)


def test_a_key_that_the_schedule_does_not_have_is_left_to_the_healer(lake: Lake) -> None:
    publish_week(lake, WEDNESDAY)
    assert weeks(lake, PLAYS, BEGIN, W3) is None
